using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.LoadBalancing;

/// <summary>A table, and which of its destinations are available now. Cheap to make, so that a change of health needs no new table.</summary>
internal sealed class MaglevView
{
    private readonly bool[] _isAvailable;
    private readonly bool _isWhole;

    public MaglevView(MaglevTable table, WeightedSet available)
    {
        Table = table;
        Available = available;
        var states = available.Destinations.Select(static destination => destination.State).ToHashSet();
        _isAvailable = [.. table.Set.Destinations.Select(destination => states.Remove(destination.State))];
        _isWhole = Array.TrueForAll(_isAvailable, static isAvailable => isAvailable);
        IsTableOutdated = states.Count > 0;
    }

    public MaglevTable Table { get; }

    public WeightedSet Available { get; }

    /// <summary>Whether destinations are available that the table does not know.</summary>
    public bool IsTableOutdated { get; }

    public DestinationState? Pick(ulong source, IReadOnlyCollection<string> tried)
    {
        var destinations = Table.Set.Destinations;
        var entry = (int)(source % MaglevTable.Size);
        if (_isWhole && tried.Count == 0)
        {
            return destinations[Table[entry]].State;
        }

        var isAnyLeft = false;
        for (var i = 0; i < destinations.Length && !isAnyLeft; i++)
        {
            isAnyLeft = _isAvailable[i] && !destinations[i].IsIn(tried);
        }

        // What lost its destination goes on by a step of its own, which leads through all entries; nothing else moves. With the same step for all, the
        // entries after those of one destination would belong to some of the others more than to the rest.
        var step = (int)(StableHash.Mix(source) % (MaglevTable.Size - 1)) + 1;
        for (var i = 0; isAnyLeft && i < MaglevTable.Size; i++)
        {
            var number = Table[entry];
            if (_isAvailable[number] && !destinations[number].IsIn(tried))
            {
                return destinations[number].State;
            }

            entry = MaglevTable.Next(entry, step);
        }

        return null;
    }
}
