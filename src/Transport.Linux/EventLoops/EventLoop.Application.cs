using System.Diagnostics;
using Transport.Linux.EventLoops;
using Transport.Linux.Interop;

namespace Transport.Linux;

/// <content>
/// Running application code. Its place is the loop's own thread, between two batches of events, because there it costs no hop. Code that keeps
/// the thread keeps it without the loop: <see cref="LoopWatch"/> notices, another thread takes over what the loop is (this object; nothing of it
/// lives on a stack while application code runs), and for a while application code goes to the thread pool.
/// </content>
public sealed partial class EventLoop
{
    /// <summary>After this long, code that still waits goes to the thread pool if other CPUs could run it meanwhile.</summary>
    private static readonly long s_budgetTicks = Stopwatch.Frequency / 2000;

    private static readonly TimeSpan s_firstRelief = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_longestRelief = TimeSpan.FromMinutes(1);

    private readonly Queue<(Action<object?> Action, object? State)> _ready = new();
    private readonly ApplicationQueue _application;
    private readonly TaskCompletionSource _ended = new();
    private ExecutionContext? _context;
    private ApplicationDispatch _dispatch;

    // Odd while application code runs on the loop's thread. Whoever makes it even again, that thread or its relief, goes on with the loop.
    private int _turn;
    private int _ownerId;
    private int _ownerKernelId;
    private long _poolUntilMs;
    private TimeSpan _relief = s_firstRelief;

    /// <summary>Whether the loop waits for events.</summary>
    internal bool IsAsleep => Volatile.Read(ref _mayBlock) == 1;

    /// <summary>Watches over the application code of this loop; <see langword="null"/> if that always runs on the thread pool.</summary>
    internal LoopWatch? Watch { get; set; }

    /// <summary>The CPUs of the process: where application code goes on that has lost the loop.</summary>
    internal int[] AllowedCpus { get; init; } = [];

    internal int Turn => Volatile.Read(ref _turn);

    /// <summary>The kernel's number of the thread that is the loop, or was when it last began to run application code.</summary>
    internal int OwnerKernelId => Volatile.Read(ref _ownerKernelId);

    /// <summary>Runs application code: right here if the application allows that for any code, else after the events at hand or on the thread pool.</summary>
    internal void RunApplication(Action<object?> action, object? state, bool isInline)
    {
        if (!IsCurrent)
        {
            _application.Add(action, state);
        }
        else if (isInline)
        {
            _dispatch.RunOnLoop(action, state);
        }
        else
        {
            _ready.Enqueue((action, state));
        }
    }

    /// <summary>Has another thread take the loop over from one that application code keeps. Called by the watch; too late is no harm.</summary>
    internal void Relieve(int turn) =>
        new Thread(() => RunAsRelief(turn)) { IsBackground = true, Name = $"event loop {Index}" }.UnsafeStart();

    /// <summary>Runs the application code that the last events have set off.</summary>
    /// <returns>False if another thread is the loop by now: the caller must leave it alone.</returns>
    private bool RunReady()
    {
        if (_ready.Count == 0)
        {
            return true;
        }

        if (Watch is not { } watch || NowMs < _poolUntilMs)
        {
            MoveReadyToPool();
            return true;
        }

        var startedAt = Stopwatch.GetTimestamp();
        var dispatch = _dispatch;
        while (_ready.TryDequeue(out var code))
        {
            var turn = _turn + 1;
            // Nothing that application code calls may use the loop as its own thread does: it may have a new one at any moment.
            _ownerId = 0;
            Interlocked.Exchange(ref _turn, turn);
            watch.Notice();
            try
            {
                dispatch.RunOnLoop(code.Action, code.State);
            }
            catch (Exception exception)
            {
                TransportLog.HandlerFailed(_logger, Index, exception);
            }

            ResetContext();
            if (Interlocked.CompareExchange(ref _turn, turn + 1, turn) != turn)
            {
                return false;
            }

            _ownerId = Environment.CurrentManagedThreadId;
            if (_ready.Count > 0 && Stopwatch.GetTimestamp() - startedAt > s_budgetTicks && watch.HasIdleCpu)
            {
                MoveReadyToPool();
            }
        }

        return true;
    }

    private void MoveReadyToPool()
    {
        while (_ready.TryDequeue(out var code))
        {
            _hasDispatched = true;
            _application.Add(code.Action, code.State);
        }
    }

    // As the thread pool does after each work item: values of AsyncLocal must not leak into the next.
    private void ResetContext()
    {
        if (ExecutionContext.Capture() != _context)
        {
            ExecutionContext.Restore(_context!);
        }
    }

    private void BecomeOwner()
    {
        _context = ExecutionContext.Capture();
        _ownerId = Environment.CurrentManagedThreadId;
        _ownerKernelId = SchedulerCalls.CurrentThreadId();
        _dispatch = new ApplicationDispatch(this, isOnLoop: true);
        if (Cpu is { } cpu)
        {
            var pinned = SchedulerCalls.Pin(_ownerKernelId, [cpu]);
            if (pinned < 0)
            {
                TransportLog.PinFailed(_logger, Index, cpu, Errno.Describe(-pinned));
            }
        }
    }

    private void RunAsRelief(int turn)
    {
        if (Interlocked.CompareExchange(ref _turn, turn + 1, turn) != turn)
        {
            // The code has returned in the meantime.
            return;
        }

        var abandoned = _dispatch;
        if (Cpu is not null)
        {
            _ = SchedulerCalls.Pin(_ownerKernelId, AllowedCpus);
        }

        BecomeOwner();
        abandoned.Abandon();
        NowMs = Environment.TickCount64;
        _relief = NowMs - _poolUntilMs > s_longestRelief.TotalMilliseconds ? s_firstRelief : _relief * 2 < s_longestRelief ? _relief * 2 : s_longestRelief;
        _poolUntilMs = NowMs + (long)_relief.TotalMilliseconds;
        Counters.CountRelieved();
        TransportLog.LoopRelieved(_logger, Index, (int)_relief.TotalSeconds);
        Serve();
    }
}
