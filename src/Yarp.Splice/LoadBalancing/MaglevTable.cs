namespace Yarp.Splice.LoadBalancing;

/// <summary>
/// The lookup table of Maglev hashing (Eisenbud et al., NSDI 2016, section 3.4). Each destination has a permutation of the entries of its own; in
/// turns, each takes the next entry of its permutation that is free, heavier ones more often.
/// </summary>
internal sealed class MaglevTable
{
    /// <summary>
    /// Entries, a prime, so that every step leads through all of them. The paper's smaller size, and Envoy's default: at a hundred times the
    /// number of destinations their shares differ by less than one in a hundred.
    /// </summary>
    public const int Size = 65537;

    // Also bounds the number of destinations to what an entry can name.
    private const ushort Free = ushort.MaxValue;

    private readonly ushort[] _entries = new ushort[Size];

    /// <param name="set">At least one destination. Past 65535 the rest gets no entry.</param>
    public MaglevTable(WeightedSet set)
    {
        Set = set;
        Array.Fill(_entries, Free);
        Fill(set.Destinations);
    }

    /// <summary>The destinations that the entries count through.</summary>
    public WeightedSet Set { get; }

    /// <summary>The number of the destination at an entry from 0 to <see cref="Size"/> − 1.</summary>
    public int this[int entry] => _entries[entry];

    /// <summary>The entry that many steps on, round the table.</summary>
    public static int Next(int entry, int step)
    {
        entry += step;
        return entry < Size ? entry : entry - Size;
    }

    private void Fill(WeightedDestination[] destinations)
    {
        var count = Math.Min(destinations.Length, Free);
        var cursors = new int[count];
        var steps = new int[count];
        var taken = new double[count];
        double heaviest = 0;
        for (var i = 0; i < count; i++)
        {
            var hash = destinations[i].Hash;
            cursors[i] = (int)(hash % Size);
            steps[i] = (int)(StableHash.Mix(hash) % (Size - 1)) + 1;
            heaviest = Math.Max(heaviest, destinations[i].Weight);
        }

        var filled = 0;
        for (var turn = 1; ; turn++)
        {
            for (var i = 0; i < count; i++)
            {
                // A destination with half the heaviest weight takes an entry at every second turn.
                if (turn * (destinations[i].Weight / heaviest) < taken[i] + 1)
                {
                    continue;
                }

                taken[i]++;
                while (_entries[cursors[i]] != Free)
                {
                    cursors[i] = Next(cursors[i], steps[i]);
                }

                _entries[cursors[i]] = (ushort)i;
                if (++filled == Size)
                {
                    return;
                }
            }
        }
    }
}
