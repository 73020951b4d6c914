using System.Runtime.InteropServices;
using Transport.Linux.EventLoops;
using Transport.Linux.Interop;

namespace Transport.Linux;

/// <content>The loop itself: start, rounds of events, posts and timers, stop.</content>
public sealed partial class EventLoop
{
    private const ulong WakeUpKey = ulong.MaxValue;
    private const int MaxEventsPerRound = 512;

    /// <summary>Events before the application code that they set off runs: what they received is still in the cache then.</summary>
    private const int EventsPerBatch = 16;

    /// <summary>What <see cref="RunSoon(Action{object?}, object?)"/> means by soon. The clock's reading may be that much old.</summary>
    private const int SoonMs = 1;

    private readonly Queue<(long DueMs, Action<object?> Action, object? State)> _soon = new();
    private int _nextEvent;
    private int _eventCount;

    /// <summary>Runs an action 1 to 2 ms from now: sooner, and cheaper, than the timing wheel can. On the loop.</summary>
    internal void RunSoon(Action<object?> action, object? state) => _soon.Enqueue((NowMs + SoonMs + 1, action, state));

    internal void Start() => new Thread(Run) { IsBackground = true, Name = $"event loop {Index}" }.UnsafeStart();

    /// <summary>Ends the loop after what has been posted so far, and closes its descriptors. Idempotent; not callable by a handler of the loop.</summary>
    internal void Stop()
    {
        if (_isStopping)
        {
            return;
        }

        _isStopping = true;
        Post(static _ => { }, null);
        _ended.Task.Wait();
        Close();
    }

    /// <summary>For a loop that was never started; <see cref="Stop"/> is for the others.</summary>
    internal unsafe void Close()
    {
        NativeMemory.Free(_events);
        _ = SocketCalls.Close(_epoll);
        _ = SocketCalls.Close(_wakeUp);
    }

    private void Run()
    {
        BecomeOwner();
        Counters.EndWait();
        Serve();
    }

    /// <summary>Returns when the loop has ended, or when another thread is the loop.</summary>
    private void Serve()
    {
        try
        {
            // First what the thread before left of its round, if there was one.
            while (FinishRound())
            {
                if (_isStopping && _queue.IsEmpty)
                {
                    _ended.SetResult();
                    return;
                }

                BeginRound();
            }
        }
        catch (Exception exception)
        {
            Fail(exception);
            _ended.SetResult();
        }
    }

    private unsafe void BeginRound()
    {
        var timeoutMs = ComputeTimeout();
        Counters.BeginWait();
        _eventCount = EpollCalls.Wait(_epoll, _events, MaxEventsPerRound, timeoutMs);
        _nextEvent = 0;
        Counters.EndWait();
        Volatile.Write(ref _mayBlock, 0);
        if (_eventCount < 0 && _eventCount != -Errno.EINTR)
        {
            throw Errno.ToException("epoll_wait", $"event loop {Index}", -_eventCount);
        }

        NowMs = Environment.TickCount64;
        RunGuard();
    }

    /// <returns>False if another thread is the loop by now.</returns>
    private unsafe bool FinishRound()
    {
        while (_nextEvent < _eventCount)
        {
            var batchEnd = Math.Min(_nextEvent + EventsPerBatch, _eventCount);
            while (_nextEvent < batchEnd)
            {
                var record = _events + (_nextEvent++ * EpollCalls.EventSize);
                DispatchEvent(*(ulong*)(record + EpollCalls.DataOffset), (Readiness)(*(uint*)record));
            }

            if (!RunReady())
            {
                return false;
            }
        }

        RunQueue();
        RunSoon();
        RunTimers();
        if (!RunReady())
        {
            return false;
        }

        RunDeferred();
        return RunReady();
    }

    private int ComputeTimeout()
    {
        if (!_queue.IsEmpty || _deferred.Count > 0)
        {
            return 0;
        }

        // Announce the wait before the last look at the queue; see Post and PostWithoutHurry.
        Interlocked.Exchange(ref _mayBlock, 1);
        var timeout = LimitBySoon(LimitByGuard(_timers.TimeoutMs(NowMs)));
        return _queue.IsEmpty ? timeout : 0;
    }

    private void DispatchEvent(ulong key, Readiness readiness)
    {
        if (key == WakeUpKey)
        {
            EpollCalls.Reset(_wakeUp);
            return;
        }

        try
        {
            _handlers.Find(key)?.OnReady(readiness);
        }
        catch (Exception exception)
        {
            TransportLog.HandlerFailed(_logger, Index, exception);
        }
    }

    private void RunQueue()
    {
        if (_queue.IsEmpty)
        {
            return;
        }

        // One batch a round: an action that posts itself again must not keep the loop from its descriptors.
        for (var item = _queue.TakeAll(); item is not null; item = item.Next)
        {
            try
            {
                item.Run();
            }
            catch (Exception exception)
            {
                TransportLog.HandlerFailed(_logger, Index, exception);
            }
        }
    }

    private int LimitBySoon(int timeoutMs)
    {
        if (!_soon.TryPeek(out var next))
        {
            return timeoutMs;
        }

        var left = (int)Math.Max(next.DueMs - Environment.TickCount64, 0);
        return timeoutMs < 0 ? left : Math.Min(timeoutMs, left);
    }

    private void RunSoon()
    {
        while (_soon.TryPeek(out var next) && next.DueMs <= NowMs)
        {
            _soon.Dequeue();
            RunLogged(next.Action, next.State);
        }
    }

    private void RunLogged(Action<object?> action, object? state)
    {
        try
        {
            action(state);
        }
        catch (Exception exception)
        {
            TransportLog.HandlerFailed(_logger, Index, exception);
        }
    }

    private void RunTimers()
    {
        try
        {
            _timers.Advance(NowMs);
        }
        catch (Exception exception)
        {
            TransportLog.HandlerFailed(_logger, Index, exception);
        }
    }
}
