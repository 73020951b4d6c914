namespace Transport.Linux.EventLoops;

/// <summary>Actions that other threads hand to an event loop. Many producers, one consumer; the consumer takes all at once.</summary>
internal sealed class WorkQueue
{
    private readonly Lock _lock = new();
    private Item[] _incoming = new Item[64];
    private Item[] _taken = new Item[64];
    private int _count;

    public bool IsEmpty => Volatile.Read(ref _count) == 0;

    public void Add(Action<object?> action, object? state)
    {
        lock (_lock)
        {
            if (_count == _incoming.Length)
            {
                Array.Resize(ref _incoming, _count * 2);
            }

            _incoming[_count] = new Item(action, state);
            Volatile.Write(ref _count, _count + 1);
        }
    }

    /// <summary>Takes everything that was queued. The span is valid until the next call and should be cleared after use.</summary>
    public Span<Item> TakeAll()
    {
        lock (_lock)
        {
            var count = _count;
            (_incoming, _taken) = (_taken, _incoming);
            Volatile.Write(ref _count, 0);
            return _taken.AsSpan(0, count);
        }
    }

    internal readonly record struct Item(Action<object?> Action, object? State);
}
