using Transport.Linux.Metrics;

namespace Transport.Linux.Files;

/// <summary>What one connection has sent from files. Counted by the thread that sends, taken over by the event loop.</summary>
internal sealed class FileSends
{
    private long _bytes;
    private long _waits;
    private long _countedBytes;
    private long _countedWaits;

    public void Add(long bytes) => Volatile.Write(ref _bytes, _bytes + bytes);

    public void AddWait() => Volatile.Write(ref _waits, _waits + 1);

    /// <summary>On the event loop.</summary>
    public void CountInto(LoopCounters counters)
    {
        var (bytes, waits) = (Volatile.Read(ref _bytes), Volatile.Read(ref _waits));
        counters.CountFiles(bytes - _countedBytes, waits - _countedWaits);
        (_countedBytes, _countedWaits) = (bytes, waits);
    }
}
