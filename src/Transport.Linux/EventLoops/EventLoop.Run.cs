using Transport.Linux.EventLoops;
using Transport.Linux.Interop;

namespace Transport.Linux;

/// <content>The loop itself: start, rounds of events, posts and timers, stop.</content>
public sealed partial class EventLoop
{
    private const ulong WakeUpKey = ulong.MaxValue;
    private const int MaxEventsPerRound = 512;

    internal void Start() => _thread.Start();

    /// <summary>Ends the loop's thread after what has been posted so far, and closes its descriptors. Idempotent; not callable on the loop.</summary>
    internal void Stop()
    {
        if (_isStopping)
        {
            return;
        }

        _isStopping = true;
        Post(static _ => { }, null);
        if (_thread.ThreadState.HasFlag(ThreadState.Unstarted))
        {
            return;
        }

        _thread.Join();
        _ = SocketCalls.Close(_epoll);
        _ = SocketCalls.Close(_wakeUp);
    }

    private void Run()
    {
        try
        {
            RunRounds();
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }

    private unsafe void RunRounds()
    {
        if (Cpu is { } cpu)
        {
            var pinned = SchedulerCalls.PinCurrentThread(cpu);
            if (pinned < 0)
            {
                TransportLog.PinFailed(_logger, Index, cpu, Errno.Describe(-pinned));
            }
        }

        Counters.EndWait();
        var events = stackalloc byte[MaxEventsPerRound * EpollCalls.EventSize];
        while (!_isStopping || !_queue.IsEmpty)
        {
            var timeoutMs = ComputeTimeout();
            Counters.BeginWait();
            var count = EpollCalls.Wait(_epoll, events, MaxEventsPerRound, timeoutMs);
            Counters.EndWait();
            Volatile.Write(ref _mayBlock, 0);
            if (count < 0 && count != -Errno.EINTR)
            {
                throw Errno.ToException("epoll_wait", $"event loop {Index}", -count);
            }

            NowMs = Environment.TickCount64;
            RunGuard();
            for (var i = 0; i < count; i++)
            {
                var record = events + (i * EpollCalls.EventSize);
                DispatchEvent(*(ulong*)(record + EpollCalls.DataOffset), (Readiness)(*(uint*)record));
            }

            RunQueue();
            RunTimers();
        }
    }

    private int ComputeTimeout()
    {
        if (!_queue.IsEmpty)
        {
            return 0;
        }

        // Announce the wait before the last look at the queue; see Post and PostWithoutHurry.
        Interlocked.Exchange(ref _mayBlock, 1);
        var timeout = LimitByGuard(_timers.TimeoutMs(NowMs));
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
