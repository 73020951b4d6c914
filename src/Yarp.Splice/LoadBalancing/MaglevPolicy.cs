using System.Net;
using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.LoadBalancing;

/// <summary><see cref="SpliceLoadBalancingPolicies.Maglev"/>.</summary>
internal sealed class MaglevPolicy : WeightedPolicy
{
    private readonly ConditionalWeakTable<ClusterState, Cluster> _clusters = [];

    public override string Name => SpliceLoadBalancingPolicies.Maglev;

    /// <summary>Makes the table for the destinations that a cluster is about to have, which takes some milliseconds, before the first pick needs it.</summary>
    public void Prepare(ClusterState cluster)
    {
        if (Name.Equals(cluster.Model.Config.LoadBalancingPolicy, StringComparison.OrdinalIgnoreCase))
        {
            _clusters.GetOrCreateValue(cluster).Rebuild((IReadOnlyList<DestinationState>)cluster.Destinations.Values);
        }
    }

    protected override DestinationState? Pick(ClusterState cluster, WeightedSet set, IPAddress? source, IReadOnlyCollection<string> tried) =>
        source is null ? set.PickRandom(tried) : _clusters.GetOrCreateValue(cluster).ViewOf(cluster, set)?.Pick(StableHash.Of(source), tried);

    /// <summary>The table of one cluster.</summary>
    private sealed class Cluster
    {
        private readonly Lock _building = new();
        private volatile MaglevTable? _table;
        private volatile MaglevView? _view;
        private int _isRebuilding;

        public MaglevView? ViewOf(ClusterState cluster, WeightedSet available)
        {
            var view = _view;
            if (view is not null && view.Available == available && view.Table == _table)
            {
                return view;
            }

            if (_table is null)
            {
                Rebuild(cluster.DestinationsState.AllDestinations);
            }

            if (_table is not { } table)
            {
                return null;
            }

            view = new MaglevView(table, available);
            if (view.IsTableOutdated && Interlocked.Exchange(ref _isRebuilding, 1) == 0)
            {
                RebuildInBackground(cluster);
            }

            _view = view;
            return view;
        }

        public void Rebuild(IReadOnlyList<DestinationState> destinations)
        {
            var set = new WeightedSet(destinations);
            lock (_building)
            {
                if (_table is null || !HasSameContent(_table.Set, set))
                {
                    _table = set.Destinations.Length == 0 ? null : new MaglevTable(set);
                }
            }
        }

        // Not inlined by hand: the closure would be allocated for each pick.
        private void RebuildInBackground(ClusterState cluster) => Task.Run(() =>
        {
            Rebuild(cluster.DestinationsState.AllDestinations);
            Volatile.Write(ref _isRebuilding, 0);
        });

        private static bool HasSameContent(WeightedSet set, WeightedSet other) => set.Destinations.AsSpan().SequenceEqual(other.Destinations);
    }
}
