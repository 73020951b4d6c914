namespace Yarp.Splice.Tests.Model;

/// <summary>
/// A queue of at most four entries in two bytes, so that a state stays small. An entry is the position of a byte in its stream, from 1 to 7, and
/// a mark.
/// </summary>
internal struct ByteQueue
{
    public const int Mark = 8;
    private const int Capacity = 4;
    private const int Bits = 4;

    private ushort _entries;

    public readonly bool IsEmpty => _entries == 0;

    public readonly int Head => _entries & ((1 << Bits) - 1);

    public readonly int Count
    {
        get
        {
            var count = 0;
            for (var rest = (int)_entries; rest != 0; rest >>= Bits)
            {
                count++;
            }

            return count;
        }
    }

    public void Add(int entry)
    {
        var count = Count;
        if (count == Capacity)
        {
            throw new InvariantBrokenException($"a queue holds more than {Capacity} bytes");
        }

        _entries |= (ushort)(entry << (count * Bits));
    }

    public int Take()
    {
        var head = Head;
        _entries >>= Bits;
        return head;
    }

    public void PutBack(int entry)
    {
        var rest = this;
        Clear();
        Add(entry);
        while (!rest.IsEmpty)
        {
            Add(rest.Take());
        }
    }

    public void Clear() => _entries = 0;

    public readonly override string ToString()
    {
        var text = "";
        for (var rest = (int)_entries; rest != 0; rest >>= Bits)
        {
            text += (rest & (Mark - 1)) + ((rest & Mark) != 0 ? "'" : "");
        }

        return text.Length == 0 ? "-" : text;
    }
}
