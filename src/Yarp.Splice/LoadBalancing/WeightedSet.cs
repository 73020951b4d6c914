using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.LoadBalancing;

/// <summary>Destinations that may be picked, read once from a list that YARP holds until something changes. Those with weight 0 are not in it.</summary>
internal sealed class WeightedSet
{
    private readonly long[] _credits;
    private readonly Lock _turn = new();
    private uint _start;

    public WeightedSet(IReadOnlyList<DestinationState> source)
    {
        Source = source;
        // In the order of their ids: that of YARP's list is the order of a dictionary, and differs between gateways.
        Destinations = [.. source
            .Select(static state => new WeightedDestination(state, DestinationWeight.Of(state.Model.Config), StableHash.Of(state.DestinationId)))
            .Where(static destination => destination.Weight > 0)
            .OrderBy(static destination => destination.State.DestinationId, StringComparer.Ordinal)];
        HasEqualWeights = Destinations.All(destination => destination.Weight == Destinations[0].Weight);
        _credits = new long[Destinations.Length];
    }

    public IReadOnlyList<DestinationState> Source { get; }

    public WeightedDestination[] Destinations { get; }

    public bool HasEqualWeights { get; }

    /// <summary>By chance, in proportion to the weights; for clients of which nothing is known to hash.</summary>
    public DestinationState? PickRandom(IReadOnlyCollection<string> tried)
    {
        var total = 0;
        foreach (var destination in Destinations)
        {
            total += destination.IsIn(tried) ? 0 : destination.Weight;
        }

        var left = total == 0 ? 0 : Random.Shared.Next(total);
        foreach (var destination in Destinations)
        {
            if (!destination.IsIn(tried) && (left -= destination.Weight) < 0)
            {
                return destination.State;
            }
        }

        return null;
    }

    /// <summary>
    /// The next one whose turn it is. Each destination earns its weight at each turn; the richest is picked and pays what all have earned (NGINX's smooth
    /// weighted round robin), which spreads the picks of a heavy destination between those of the others.
    /// </summary>
    public DestinationState? PickNext(IReadOnlyCollection<string> tried)
    {
        lock (_turn)
        {
            var richest = -1;
            long earned = 0;
            for (var i = 0; i < Destinations.Length; i++)
            {
                if (!Destinations[i].IsIn(tried))
                {
                    earned += Destinations[i].Weight;
                    _credits[i] += Destinations[i].Weight;
                    richest = richest < 0 || _credits[i] > _credits[richest] ? i : richest;
                }
            }

            if (richest < 0)
            {
                return null;
            }

            _credits[richest] -= earned;
            return Destinations[richest].State;
        }
    }

    /// <summary>The one that has the least to do for its weight; those that are equal take turns.</summary>
    public DestinationState? PickLeastBusy(IReadOnlyCollection<string> tried)
    {
        WeightedDestination? least = null;
        long leastRequests = 0;
        var start = (int)(Interlocked.Increment(ref _start) % (uint)Math.Max(Destinations.Length, 1));
        for (var i = 0; i < Destinations.Length; i++)
        {
            var destination = Destinations[(start + i) % Destinations.Length];
            if (destination.IsIn(tried))
            {
                continue;
            }

            // With the session that it would get: an idle destination is chosen by its weight, too. Compared without a division.
            var requests = (long)destination.State.ConcurrentRequestCount + 1;
            if (least is not { } best || requests * best.Weight < leastRequests * destination.Weight)
            {
                least = destination;
                leastRequests = requests;
            }
        }

        return least?.State;
    }
}
