namespace Transport.Linux.Metrics;

/// <summary>
/// The bytes that a connection has sent. Whatever thread sends adds; the loop's thread takes what is new when it has to do with the connection
/// anyway. Two fields with one writer each need no interlocked operation.
/// </summary>
internal struct SentBytes
{
    private long _sent;
    private long _counted;

    /// <summary>All that was sent. On any thread, a moment late.</summary>
    public readonly long Total => Volatile.Read(in _sent);

    /// <summary>By the one thread at a time that sends.</summary>
    public void Add(long bytes) => Volatile.Write(ref _sent, _sent + bytes);

    /// <summary>On the event loop.</summary>
    public void CountInto(LoopCounters counters)
    {
        var sent = Volatile.Read(ref _sent);
        if (sent != _counted)
        {
            counters.CountSent(sent - _counted);
            _counted = sent;
        }
    }
}
