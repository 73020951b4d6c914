using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace Transport.Linux.Tests;

/// <summary>A pool that overwrites what comes back: a block that the kernel still reads shows as wrong bytes at the peer.</summary>
internal sealed class ScribblingPool : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    private const int BlockSize = 4096;

    private int _rented;

    /// <summary>Blocks that are in use.</summary>
    public int Rented => Volatile.Read(ref _rented);

    public override int MaxBufferSize => BlockSize;

    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        Interlocked.Increment(ref _rented);
        return new Block(this);
    }

    protected override void Dispose(bool disposing)
    {
    }

    private sealed class Block(ScribblingPool pool) : IMemoryOwner<byte>
    {
        private readonly byte[] _bytes = GC.AllocateArray<byte>(BlockSize, pinned: true);
        private int _isReturned;

        public Memory<byte> Memory => _bytes;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isReturned, 1) == 0)
            {
                _bytes.AsSpan().Fill(0xDD);
                Interlocked.Decrement(ref pool._rented);
            }
        }
    }
}
