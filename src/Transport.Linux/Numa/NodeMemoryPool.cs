using System.Buffers;
using System.Collections.Concurrent;
using Transport.Linux.Interop;

namespace Transport.Linux.Numa;

/// <summary>Blocks of 4,096 bytes from one memory node, mapped a slab at a time and kept until the pool is disposed.</summary>
/// <param name="node">The memory node.</param>
/// <param name="mode">Whether the node is a preference or a must.</param>
/// <param name="policyRefused">Hears of a refused mbind(2), with the errno.</param>
/// <param name="hugePagesRefused">Hears of a refused madvise(2), with the errno; <see langword="null"/> if no huge pages are wanted.</param>
internal sealed unsafe class NodeMemoryPool(int node, NumaMode mode, Action<int> policyRefused, Action<int>? hugePagesRefused = null)
    : MemoryPool<byte>
{
    public const int BlockSize = 4096;

    private const int SmallSlabSize = 256 * BlockSize;

    private readonly int _slabSize = hugePagesRefused is null ? SmallSlabSize : HugePages.Size;
    private readonly ConcurrentQueue<NodeMemoryBlock> _free = new();
    private readonly Lock _growLock = new();
    private readonly List<nint> _slabs = [];
    private long _rented;
    private long _mapped;
    private volatile bool _isDisposed;

    public int Node => node;

    public long MappedBytes => Volatile.Read(ref _mapped);

    public long RentedBytes => Volatile.Read(ref _rented) * BlockSize;

    public override int MaxBufferSize => BlockSize;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockSize);
        Interlocked.Increment(ref _rented);
        if (_isDisposed)
        {
            Release();
            throw new ObjectDisposedException(nameof(NodeMemoryPool));
        }

        try
        {
            NodeMemoryBlock? block;
            while (!_free.TryDequeue(out block))
            {
                Grow();
            }

            block.MarkRented();
            return block;
        }
        catch
        {
            Release();
            throw;
        }
    }

    public void Return(NodeMemoryBlock block)
    {
        _free.Enqueue(block);
        Release();
    }

    protected override void Dispose(bool disposing)
    {
        _isDisposed = true;
        if (Interlocked.Read(ref _rented) == 0)
        {
            Unmap();
        }
    }

    private void Release()
    {
        if (Interlocked.Decrement(ref _rented) == 0 && _isDisposed)
        {
            Unmap();
        }
    }

    private void Grow()
    {
        lock (_growLock)
        {
            if (!_free.IsEmpty)
            {
                return;
            }

            var slab = hugePagesRefused is null ? MemoryCalls.Map(SmallSlabSize) : MemoryCalls.Map(HugePages.Size, HugePages.Size);
            if (slab is null)
            {
                throw new InsufficientMemoryException("mmap has no memory left for connection buffers.");
            }

            if (hugePagesRefused is not null && MemoryCalls.AdviseHugePages(slab, HugePages.Size) is < 0 and var advised)
            {
                hugePagesRefused(-advised);
            }

            var result = MemoryCalls.SetPolicy(
                slab, (nuint)_slabSize, mode == NumaMode.Bind ? MemoryCalls.MPOL_BIND : MemoryCalls.MPOL_PREFERRED, node);
            if (result < 0)
            {
                try
                {
                    policyRefused(-result);
                }
                catch
                {
                    MemoryCalls.Unmap(slab, (nuint)_slabSize);
                    throw;
                }
            }

            _slabs.Add((nint)slab);
            Volatile.Write(ref _mapped, _mapped + _slabSize);
            for (var offset = 0; offset < _slabSize; offset += BlockSize)
            {
                _free.Enqueue(new NodeMemoryBlock(this, slab + offset));
            }
        }
    }

    private void Unmap()
    {
        lock (_growLock)
        {
            _free.Clear();
            _slabs.ForEach(slab => MemoryCalls.Unmap((byte*)slab, (nuint)_slabSize));
            _slabs.Clear();
            Volatile.Write(ref _mapped, 0);
        }
    }
}
