namespace Fuzz;

/// <summary>SplitMix64: a case's own numbers, from the run's seed and the case's number, so that any case can be had again without those before it.</summary>
internal sealed class FuzzRandom(ulong seed, long number)
{
    private ulong _state = seed ^ ((ulong)number * 0xd1342543de82ef95);

    public ulong Next()
    {
        _state += 0x9e3779b97f4a7c15;
        var mixed = _state;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        return mixed ^ (mixed >> 31);
    }

    /// <summary>From 0 up to, and not, the limit.</summary>
    public int Below(int limit) => (int)(((Next() >> 32) * (ulong)limit) >> 32);

    /// <summary>Both ends included.</summary>
    public int Between(int least, int most) => least + Below(most - least + 1);

    public bool OneIn(int count) => Below(count) == 0;

    public byte Byte() => (byte)(Next() >> 56);

    public byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        for (var i = 0; i < count; i++)
        {
            bytes[i] = Byte();
        }

        return bytes;
    }

    public T Pick<T>(IReadOnlyList<T> values) => values[Below(values.Count)];

    /// <summary>Mostly small, sometimes up to the limit: where lengths end is where parsers err.</summary>
    public int Size(int limit) => Below(8) switch
    {
        0 => Math.Min(limit, Below(1 << Below(17))),
        1 => limit - Below(Math.Min(limit, 3) + 1),
        _ => Below(Math.Min(limit, 24) + 1),
    };
}
