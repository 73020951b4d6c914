using System.Numerics;

namespace Transport.Linux.EventLoops;

/// <summary>
/// A hierarchical timing wheel (Varghese and Lauck, 1987): four levels of 64 slots, each level 64 times coarser than the one before.
/// With ticks of 8 ms the levels span 0.5 s, 33 s, 35 min and 37 h; a later deadline goes round the last level again.
/// </summary>
internal sealed class TimerWheel
{
    public const int TickMs = 8;

    private const int LevelBits = 6;
    private const int SlotsPerLevel = 1 << LevelBits;
    private const int SlotMask = SlotsPerLevel - 1;
    private const int Levels = 4;

    private readonly EventLoopTimer?[] _slots = new EventLoopTimer?[Levels * SlotsPerLevel];
    private readonly ulong[] _occupied = new ulong[Levels];
    private long _current;

    public TimerWheel(long nowMs) => _current = nowMs / TickMs;

    public void Arm(EventLoopTimer timer, long deadlineMs)
    {
        Cancel(timer);
        // Rounded up, so that a timer never fires early, and never into the tick that is being processed.
        timer.DeadlineTick = Math.Max((deadlineMs + TickMs - 1) / TickMs, _current + 1);
        Place(timer);
    }

    public void Cancel(EventLoopTimer timer)
    {
        var slot = timer.Slot;
        if (slot < 0)
        {
            return;
        }

        if (timer.Previous is { } previous)
        {
            previous.Next = timer.Next;
        }
        else
        {
            _slots[slot] = timer.Next;
            if (timer.Next is null)
            {
                _occupied[slot >> LevelBits] &= ~(1ul << (slot & SlotMask));
            }
        }

        if (timer.Next is { } next)
        {
            next.Previous = timer.Previous;
        }

        timer.Next = timer.Previous = null;
        timer.Slot = -1;
    }

    /// <summary>Milliseconds until <see cref="Advance"/> has something to do, or −1 if no timer is armed.</summary>
    public int TimeoutMs(long nowMs)
    {
        var next = long.MaxValue;
        for (var level = 0; level < Levels; level++)
        {
            if (_occupied[level] == 0)
            {
                continue;
            }

            var shift = level * LevelBits;
            var position = _current >> shift;
            // Slots lie 1 to 64 positions ahead: bit 0 of the rotated map is the next position.
            var ahead = BitOperations.TrailingZeroCount(BitOperations.RotateRight(_occupied[level], (int)((position + 1) & SlotMask))) + 1;
            next = Math.Min(next, (position + ahead) << shift);
        }

        return next == long.MaxValue ? -1 : (int)Math.Clamp((next * TickMs) - nowMs, 0, int.MaxValue);
    }

    /// <summary>Fires every timer whose deadline is at or before <paramref name="nowMs"/>.</summary>
    public void Advance(long nowMs)
    {
        var target = nowMs / TickMs;
        while (_current < target)
        {
            if (_occupied[0] == 0)
            {
                // Nothing can fire before the next cascade: go there at once.
                var lastBeforeCascade = Math.Min(_current | SlotMask, target);
                if (lastBeforeCascade > _current)
                {
                    _current = lastBeforeCascade;
                    continue;
                }
            }

            _current++;
            for (var level = 1; level < Levels && (_current & ((1L << (level * LevelBits)) - 1)) == 0; level++)
            {
                Cascade(level);
            }

            Fire((int)(_current & SlotMask));
        }
    }

    private void Place(EventLoopTimer timer)
    {
        var distance = timer.DeadlineTick - _current;
        var level = 0;
        while (level < Levels - 1 && distance >= 1L << ((level + 1) * LevelBits))
        {
            level++;
        }

        // Beyond the last level the timer waits in its farthest slot and is placed again from there.
        var tick = Math.Min(timer.DeadlineTick, _current + (1L << (Levels * LevelBits)) - 1);
        var slot = (level << LevelBits) + (int)((tick >> (level * LevelBits)) & SlotMask);
        timer.Slot = slot;
        timer.Previous = null;
        timer.Next = _slots[slot];
        if (timer.Next is { } next)
        {
            next.Previous = timer;
        }

        _slots[slot] = timer;
        _occupied[level] |= 1ul << (slot & SlotMask);
    }

    private void Cascade(int level)
    {
        var slot = (level << LevelBits) + (int)((_current >> (level * LevelBits)) & SlotMask);
        // The list is taken off as a whole: a timer may come back to the same slot of the last level.
        var timer = _slots[slot];
        _slots[slot] = null;
        _occupied[level] &= ~(1ul << (slot & SlotMask));
        while (timer is not null)
        {
            var next = timer.Next;
            timer.Next = timer.Previous = null;
            timer.DeadlineTick = Math.Max(timer.DeadlineTick, _current);
            Place(timer);
            timer = next;
        }
    }

    private void Fire(int slot)
    {
        // One by one from the head: a timer that fires may cancel or arm any other, itself included (for a later tick).
        while (_slots[slot] is { } timer)
        {
            Cancel(timer);
            timer.OnTimer();
        }
    }
}
