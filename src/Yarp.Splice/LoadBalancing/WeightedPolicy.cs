using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.LoadBalancing;

/// <summary>
/// A policy that heeds weights. Beside YARP's way it can be asked without an HTTP context and with the destinations that were tried before, so that
/// an attempt on another destination does not look like a change of the cluster.
/// </summary>
internal abstract class WeightedPolicy : ILoadBalancingPolicy
{
    private readonly ConditionalWeakTable<ClusterState, CurrentSet> _current = [];

    public abstract string Name { get; }

    public DestinationState? PickDestination(HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations) =>
        Pick(cluster, availableDestinations, context.Connection.RemoteIpAddress, []);

    /// <param name="cluster">The cluster.</param>
    /// <param name="available">Its destinations that may be picked, unless their weight is 0.</param>
    /// <param name="source">The client's address; <see langword="null"/> if it has none.</param>
    /// <param name="tried">Ids of destinations that must not be picked.</param>
    public DestinationState? Pick(
        ClusterState cluster, IReadOnlyList<DestinationState> available, IPAddress? source, IReadOnlyCollection<string> tried)
    {
        var current = _current.GetOrCreateValue(cluster);
        var set = current.Set;
        if (set?.Source != available)
        {
            set = new WeightedSet(available);
            if (cluster.DestinationsState.AvailableDestinations == available)
            {
                // Not one that some middleware has made for one request.
                current.Set = set;
            }
        }

        return Pick(cluster, set, source, tried);
    }

    protected abstract DestinationState? Pick(ClusterState cluster, WeightedSet set, IPAddress? source, IReadOnlyCollection<string> tried);

    private sealed class CurrentSet
    {
        private volatile WeightedSet? _set;

        public WeightedSet? Set
        {
            get => _set;
            set => _set = value;
        }
    }
}
