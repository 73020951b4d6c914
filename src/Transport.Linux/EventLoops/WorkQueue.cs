namespace Transport.Linux.EventLoops;

/// <summary>
/// Actions that other threads hand to an event loop: a stack that producers push to without a lock (R. K. Treiber, 1986) and the loop takes as a
/// whole, so that a producer that loses its CPU holds up nobody.
/// </summary>
internal sealed class WorkQueue
{
    private Item? _top;

    public bool IsEmpty => Volatile.Read(ref _top) is null;

    public void Add(Action<object?> action, object? state)
    {
        var item = new Item(action, state);
        Item? top;
        do
        {
            top = Volatile.Read(ref _top);
            item.Next = top;
        }
        while (Interlocked.CompareExchange(ref _top, item, top) != top);
    }

    /// <summary>Takes everything that was queued, oldest first.</summary>
    public Item? TakeAll()
    {
        var item = Interlocked.Exchange(ref _top, null);
        Item? oldest = null;
        while (item is not null)
        {
            var next = item.Next;
            item.Next = oldest;
            oldest = item;
            item = next;
        }

        return oldest;
    }

    internal sealed class Item(Action<object?> action, object? state)
    {
        public Item? Next { get; set; }

        public void Run() => action(state);
    }
}
