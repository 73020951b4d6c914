namespace Transport.Linux.EventLoops;

/// <summary>
/// The handlers of an event loop by the number that travels in <c>epoll_event.data</c>: slot in the low half, generation in the high half,
/// so that an event fetched before its registration ended finds nobody.
/// </summary>
internal sealed class HandlerTable
{
    private Entry[] _entries = new Entry[256];
    private int _firstFree = -1;
    private int _used;

    public int Count { get; private set; }

    public ulong Add(IReadinessHandler handler)
    {
        int slot;
        if (_firstFree >= 0)
        {
            slot = _firstFree;
            _firstFree = _entries[slot].NextFree;
        }
        else
        {
            if (_used == _entries.Length)
            {
                Array.Resize(ref _entries, _used * 2);
            }

            slot = _used++;
        }

        ref var entry = ref _entries[slot];
        entry.Handler = handler;
        // Generations begin at 1, so that a default registration matches nothing.
        entry.Generation = Math.Max(entry.Generation, 1);
        Count++;
        return ((ulong)entry.Generation << 32) | (uint)slot;
    }

    public bool Remove(ulong key)
    {
        ref var entry = ref _entries[(uint)key];
        if (entry.Generation != (uint)(key >> 32) || entry.Handler is null)
        {
            return false;
        }

        entry.Handler = null;
        entry.Generation++;
        entry.NextFree = _firstFree;
        _firstFree = (int)(uint)key;
        Count--;
        return true;
    }

    public IReadinessHandler? Find(ulong key)
    {
        ref var entry = ref _entries[(uint)key];
        return entry.Generation == (uint)(key >> 32) ? entry.Handler : null;
    }

    private struct Entry
    {
        public IReadinessHandler? Handler;
        public uint Generation;
        public int NextFree;
    }
}
