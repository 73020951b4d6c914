namespace Yarp.Splice.Tests.Verdict;

/// <summary>
/// What a program may look at: pieces of memory, each with addresses of its own. An access outside of them is a fault, as is one that begins in a
/// piece and ends behind it.
/// </summary>
internal sealed class AddressSpace
{
    private const int OffsetBits = 32;

    private readonly List<byte[]> _pieces = [];

    /// <summary>Adds a piece; returns its address. A piece without bytes is a pointer that nobody may follow.</summary>
    public ulong Add(byte[] piece)
    {
        _pieces.Add(piece);
        return (ulong)_pieces.Count << OffsetBits;
    }

    public Span<byte> At(ulong address, int size)
    {
        var index = (int)(address >> OffsetBits) - 1;
        var offset = (uint)address;
        if ((uint)index >= (uint)_pieces.Count || (ulong)offset + (uint)size > (ulong)_pieces[index].Length)
        {
            throw new BpfFaultException($"{size} bytes at 0x{address:x} are no memory of the program");
        }

        return _pieces[index].AsSpan((int)offset, size);
    }
}
