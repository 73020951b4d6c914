namespace Yarp.Splice.Bpf;

/// <summary>
/// A ring buffer of 32-bit values that a program writes and one thread reads (Documentation/bpf/ringbuf.rst). Its descriptor becomes readable when
/// something is written to an empty ring.
/// </summary>
internal sealed unsafe class BpfRing : IDisposable
{
    private const uint BusyBit = 1u << 31;
    private const uint DiscardBit = 1u << 30;
    private const int HeaderSize = 8;

    private readonly BpfMap _map;
    private readonly BpfMemory _consumer;
    private readonly BpfMemory _producer;
    private readonly uint _mask;

    /// <exception cref="BpfException">The kernel refused.</exception>
    public BpfRing(string name, BpfMapDefinition definition)
    {
        var page = (nuint)Environment.SystemPageSize;
        _mask = definition.MaxEntries - 1;
        _map = new BpfMap(name, definition);
        try
        {
            // One page with the reader's position; then, read-only, one with the writer's, and the data twice in a row, so that no record is split.
            _consumer = new BpfMemory(_map, name, page);
            _producer = new BpfMemory(_map, name, page + (2 * definition.MaxEntries), (nint)page, isWritable: false);
        }
        catch
        {
            _consumer?.Dispose();
            _map.Dispose();
            throw;
        }
    }

    public BpfMap Map => _map;

    /// <summary>Takes the next value; false if the ring is empty.</summary>
    public bool TryRead(out uint value)
    {
        var data = _producer.Address + Environment.SystemPageSize;
        var position = *(ulong*)_consumer.Address;
        for (var isLastLook = false; ;)
        {
            var record = data + (position & _mask);
            if (position == Volatile.Read(ref *(ulong*)_producer.Address) || (Volatile.Read(ref *(uint*)record) & BusyBit) != 0)
            {
                if (isLastLook)
                {
                    value = 0;
                    return false;
                }

                // The writer signals only if it sees that everything before its record was read: either it sees the position, or this look
                // sees the record.
                Interlocked.MemoryBarrier();
                isLastLook = true;
                continue;
            }

            var header = *(uint*)record;
            value = *(uint*)(record + HeaderSize);
            position += ((header & ~DiscardBit) + HeaderSize + 7) & ~7u;
            Volatile.Write(ref *(ulong*)_consumer.Address, position);
            if ((header & DiscardBit) == 0)
            {
                return true;
            }
        }
    }

    public void Dispose()
    {
        _producer.Dispose();
        _consumer.Dispose();
        _map.Dispose();
    }
}
