using System.Buffers;

namespace Transport.Linux.Numa;

/// <summary>One block of a <see cref="NodeMemoryPool"/>, outside the garbage collector's heap, so always pinned.</summary>
internal sealed unsafe class NodeMemoryBlock(NodeMemoryPool pool, byte* address) : MemoryManager<byte>
{
    private int _isRented;

    public void MarkRented() => Volatile.Write(ref _isRented, 1);

    public override Span<byte> GetSpan() => new(address, NodeMemoryPool.BlockSize);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(elementIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(elementIndex, NodeMemoryPool.BlockSize);
        return new MemoryHandle(address + elementIndex);
    }

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        // A second disposal must not hand the block out twice.
        if (Interlocked.Exchange(ref _isRented, 0) == 1)
        {
            pool.Return(this);
        }
    }
}
