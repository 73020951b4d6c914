using System.Net;
using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.LoadBalancing;

/// <summary><see cref="SpliceLoadBalancingPolicies.SourceIpHash"/>: weighted rendezvous hashing.</summary>
internal sealed class SourceIpHashPolicy : WeightedPolicy
{
    public override string Name => SpliceLoadBalancingPolicies.SourceIpHash;

    protected override DestinationState? Pick(ClusterState cluster, WeightedSet set, IPAddress? source, IReadOnlyCollection<string> tried) =>
        source is null ? set.PickRandom(tried)
        : set.HasEqualWeights ? PickByHash(set, StableHash.Of(source), tried)
        : PickByScore(set, StableHash.Of(source), tried);

    private static DestinationState? PickByHash(WeightedSet set, ulong source, IReadOnlyCollection<string> tried)
    {
        DestinationState? best = null;
        ulong highest = 0;
        foreach (var destination in set.Destinations)
        {
            var hash = StableHash.Combine(source, destination.Hash);
            if ((best is null || hash > highest) && !destination.IsIn(tried))
            {
                (best, highest) = (destination.State, hash);
            }
        }

        return best;
    }

    /// <summary>
    /// The highest of −weight ÷ ln(u), where u is the hash as a number between 0 and 1: each destination wins with a probability in proportion to its
    /// weight, and with equal weights the winner is that of the hashes.
    /// </summary>
    private static DestinationState? PickByScore(WeightedSet set, ulong source, IReadOnlyCollection<string> tried)
    {
        DestinationState? best = null;
        var highest = 0.0;
        foreach (var destination in set.Destinations)
        {
            // The upper 53 bits, which a double holds exactly, and never 0 or 1.
            var uniform = ((StableHash.Combine(source, destination.Hash) >> 11) + 0.5) / (1UL << 53);
            var score = -destination.Weight / Math.Log(uniform);
            if ((best is null || score > highest) && !destination.IsIn(tried))
            {
                (best, highest) = (destination.State, score);
            }
        }

        return best;
    }
}
