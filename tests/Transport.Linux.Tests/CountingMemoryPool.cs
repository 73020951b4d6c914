using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace Transport.Linux.Tests;

/// <summary>The pool that an application may register in place of Kestrel's; knows how many blocks are out.</summary>
internal sealed class CountingMemoryPool : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    private long _rented;
    private long _total;

    public long Rented => Interlocked.Read(ref _rented);

    public long Total => Interlocked.Read(ref _total);

    public override int MaxBufferSize => Shared.MaxBufferSize;

    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        Interlocked.Increment(ref _rented);
        Interlocked.Increment(ref _total);
        return new Block(this, Shared.Rent(minBufferSize < 0 ? 4096 : minBufferSize));
    }

    protected override void Dispose(bool disposing)
    {
    }

    private sealed class Block(CountingMemoryPool pool, IMemoryOwner<byte> inner) : IMemoryOwner<byte>
    {
        private int _isReturned;

        public Memory<byte> Memory => inner.Memory;

        public void Dispose()
        {
            Assert.Equal(0, Interlocked.Exchange(ref _isReturned, 1));
            inner.Dispose();
            Interlocked.Decrement(ref pool._rented);
        }
    }
}
