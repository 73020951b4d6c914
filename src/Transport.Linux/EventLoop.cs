using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Transport.Linux.Descriptors;
using Transport.Linux.EventLoops;
using Transport.Linux.Interop;

namespace Transport.Linux;

/// <summary>
/// One thread that waits on one epoll instance and runs the handlers of the descriptors registered with it. All descriptors of a
/// connection, and of the relay that it may become, live on the same loop.
/// </summary>
/// <remarks>
/// <see cref="Post"/> may be called from any thread; every other method only on the loop's own thread (<see cref="IsCurrent"/>), which
/// is what makes handlers free of locks. Application code that the loop runs does not count as on it: the loop may get another thread while
/// that code runs.
/// </remarks>
public sealed partial class EventLoop
{
    private readonly TimerWheel _timers;
    private readonly WorkQueue _queue = new();
    private readonly HandlerTable _handlers = new();
    private readonly ILogger _logger;
    private readonly unsafe byte* _events = (byte*)NativeMemory.Alloc((nuint)(MaxEventsPerRound * EpollCalls.EventSize));
    private readonly int _epoll;
    private readonly int _wakeUp;

    // 1 while the thread is (about to be) blocked in epoll_wait, so that a post must signal the eventfd.
    private int _mayBlock;
    private volatile bool _isStopping;

    internal EventLoop(int index, int? cpu, ILogger logger)
    {
        Index = index;
        Cpu = cpu;
        _logger = logger;
        NowMs = Environment.TickCount64;
        _timers = new TimerWheel(NowMs);
        _dispatch = new ApplicationDispatch(this, isOnLoop: true);
        _application = new ApplicationQueue(this);
        _epoll = EpollCalls.Create();
        if (_epoll < 0)
        {
            throw Errno.ToException("epoll_create1", $"event loop {index}", -_epoll);
        }

        _wakeUp = EpollCalls.CreateEventDescriptor();
        if (_wakeUp < 0)
        {
            _ = SocketCalls.Close(_epoll);
            throw Errno.ToException("eventfd", $"event loop {index}", -_wakeUp);
        }

        var added = EpollCalls.Add(_epoll, _wakeUp, (uint)Readiness.Readable | EpollCalls.EPOLLET, WakeUpKey);
        if (added < 0)
        {
            Close();
            throw Errno.ToException("epoll_ctl", $"the eventfd of event loop {index}", -added);
        }
    }

    /// <summary>The loop's number, from 0 to the count of loops − 1.</summary>
    public int Index { get; }

    /// <summary>The CPU that the loop's thread is pinned to, or <see langword="null"/> if it runs wherever the kernel puts it.</summary>
    public int? Cpu { get; }

    /// <summary>Whether the caller is the loop: a handler, a timer or a posted action.</summary>
    public bool IsCurrent => Volatile.Read(ref _ownerId) == Environment.CurrentManagedThreadId;

    /// <summary>Milliseconds since the system started, read once for each round of events.</summary>
    public long NowMs { get; private set; }

    internal DescriptorReserve Descriptors { get; } = new();

    /// <summary>Queues an action for the loop's thread. Callable from any thread; actions of one thread run in the order of their posting.</summary>
    /// <param name="action">What to run. It must not block.</param>
    /// <param name="state">Its argument.</param>
    public void Post(Action<object?> action, object? state)
    {
        ArgumentNullException.ThrowIfNull(action);
        _queue.Add(action, state);
        // The exchange is a full fence: either this sees that the loop may block, or the loop sees the item before it blocks.
        if (Interlocked.Exchange(ref _mayBlock, 0) == 1)
        {
            EpollCalls.Signal(_wakeUp);
        }
    }

    /// <summary>As <see cref="Post"/>, but does not wake a loop that will wake by itself within <see cref="ApplicationDispatch.GuardMs"/>.</summary>
    internal void PostWithoutHurry(Action<object?> action, object? state)
    {
        // The add is a full fence: a loop that has stopped guarding by now is woken, any other still has its last look at the queue to come.
        _queue.Add(action, state);
        if (!_isGuarding && Interlocked.Exchange(ref _mayBlock, 0) == 1)
        {
            EpollCalls.Signal(_wakeUp);
        }
    }

    /// <summary>
    /// Registers a descriptor, edge-triggered: a handler hears of a change once and must read or write until the call would block
    /// (epoll(7)). If the descriptor is ready already, the first event follows at once.
    /// </summary>
    /// <param name="descriptor">A non-blocking descriptor, not yet registered with this loop.</param>
    /// <param name="interest">What to report, besides errors and hang-ups.</param>
    /// <param name="handler">Whom to tell.</param>
    /// <returns>The registration's name, for <see cref="Modify(EventRegistration, Readiness)"/> and <see cref="Unregister"/>.</returns>
    /// <exception cref="System.Net.Sockets.SocketException">The kernel refused, for example at the limit of epoll watches
    /// (fs.epoll.max_user_watches).</exception>
    public EventRegistration Register(int descriptor, Readiness interest, IReadinessHandler handler) =>
        Register(descriptor, (uint)interest | EpollCalls.EPOLLET, handler);

    /// <summary>Changes what a registration reports. Readiness that holds already is reported again.</summary>
    /// <param name="registration">What <see cref="Register(int, Readiness, IReadinessHandler)"/> returned.</param>
    /// <param name="interest">What to report from now on, besides errors and hang-ups.</param>
    /// <exception cref="System.Net.Sockets.SocketException">The kernel refused.</exception>
    public void Modify(EventRegistration registration, Readiness interest) =>
        Modify(registration, (uint)interest | EpollCalls.EPOLLET);

    /// <summary>Ends a registration; its handler is not called again. The descriptor stays open.</summary>
    /// <param name="registration">What <see cref="Register(int, Readiness, IReadinessHandler)"/> returned.</param>
    public void Unregister(EventRegistration registration)
    {
        if (_handlers.Remove(registration.Key))
        {
            _ = EpollCalls.Remove(_epoll, registration.Descriptor);
        }
    }

    /// <summary>
    /// Ends a registration without telling the kernel, which does so by itself when the descriptor is closed. To be used right before
    /// the close of a descriptor that has no duplicate.
    /// </summary>
    /// <param name="registration">What <see cref="Register(int, Readiness, IReadinessHandler)"/> returned.</param>
    public void Forget(EventRegistration registration) => _handlers.Remove(registration.Key);

    /// <summary>Arms a timer, or moves the deadline of one that is armed.</summary>
    /// <param name="timer">The timer.</param>
    /// <param name="delay">Time from now; zero or less fires in the next round. At most some 10,000 years.</param>
    public void Arm(EventLoopTimer timer, TimeSpan delay)
    {
        ArgumentNullException.ThrowIfNull(timer);
        _timers.Arm(timer, NowMs + (long)Math.Ceiling(delay.TotalMilliseconds));
    }

    /// <summary>Disarms a timer; nothing happens if it is not armed.</summary>
    /// <param name="timer">The timer.</param>
    public void Cancel(EventLoopTimer timer)
    {
        ArgumentNullException.ThrowIfNull(timer);
        _timers.Cancel(timer);
    }

    internal EventRegistration Register(int descriptor, uint events, IReadinessHandler handler)
    {
        var key = _handlers.Add(handler);
        var result = EpollCalls.Add(_epoll, descriptor, events, key);
        if (result < 0)
        {
            _handlers.Remove(key);
            throw Errno.ToException("epoll_ctl", $"descriptor {descriptor}", -result);
        }

        return new EventRegistration(descriptor, key);
    }

    internal void Modify(EventRegistration registration, uint events)
    {
        var result = EpollCalls.Modify(_epoll, registration.Descriptor, events, registration.Key);
        if (result < 0)
        {
            throw Errno.ToException("epoll_ctl", $"descriptor {registration.Descriptor}", -result);
        }
    }
}
