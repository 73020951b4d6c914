namespace Transport.Linux.EventLoops;

/// <summary>
/// One run of application code, and the send that it causes. An application often flushes twice for one response (the body, then the end of a
/// chunked body); the first flush is held until the code returns, so that both leave in one system call.
/// </summary>
/// <remarks>
/// Code that flushes and then keeps its thread must not keep the bytes. On the thread pool, the event loop runs a send that is held for longer than
/// <see cref="GuardMs"/>; a loop that sleeps without a limit cannot see to it, so then nothing is held. On the loop's thread, whoever takes the loop
/// over from such code sends what it held (<see cref="Abandon"/>). Code that may run inline has promised not to block
/// (<see cref="LinuxTransportOptions.UnsafePreferInlineScheduling"/>).
/// </remarks>
internal sealed class ApplicationDispatch
{
    /// <summary>The longest that a flush may be held back, and the longest sleep of a loop that guards one.</summary>
    public const int GuardMs = 1;

    [ThreadStatic]
    private static ApplicationDispatch? s_current;

    private readonly EventLoop _loop;
    private readonly bool _isOnLoop;
    private readonly Action<object?>? _action;
    private readonly object? _state;
    private Action<object?>? _send;
    private object? _sendState;
    private int _isHolding;
    private volatile bool _isAbandoned;

    /// <summary>For one run on the thread pool.</summary>
    public ApplicationDispatch(EventLoop loop, Action<object?> action, object? state)
    {
        _loop = loop;
        _action = action;
        _state = state;
    }

    /// <summary>For all runs on the thread of the loop, one after another.</summary>
    public ApplicationDispatch(EventLoop loop)
    {
        _loop = loop;
        _isOnLoop = true;
    }

    /// <summary>The next one under the loop's guard.</summary>
    public ApplicationDispatch? NextGuarded { get; set; }

    /// <summary>Whether a send waits.</summary>
    public bool IsHolding => Volatile.Read(ref _isHolding) == 1;

    public long HeldSinceMs { get; private set; }

    /// <summary>Runs the continuation that sends what was flushed: now, or when the application code of this thread returns.</summary>
    public static void Send(Action<object?> send, object? sendState)
    {
        if (s_current is not { } current || !current.TryHold(send, sendState))
        {
            send(sendState);
        }
    }

    /// <summary>Runs what the application code of this thread has flushed so far.</summary>
    public static void SendHeld() => s_current?.RunHeld();

    /// <summary>On the thread pool.</summary>
    public void Execute() => Run(_action!, _state);

    /// <summary>On the event loop, possibly from within application code that runs there.</summary>
    public void RunOnLoop(Action<object?> action, object? state)
    {
        if (s_current is not null)
        {
            new ApplicationDispatch(_loop).Run(action, state);
            return;
        }

        _send = null;
        Run(action, state);
    }

    /// <summary>The code has lost the loop: from now on it sends at once. On the loop's new thread.</summary>
    public void Abandon()
    {
        _isAbandoned = true;
        // Either this sees the send, or TryHold sees the mark.
        Interlocked.MemoryBarrier();
        RunHeld();
    }

    /// <summary>Runs the held send, if there is one and nobody else does. Callable on any thread.</summary>
    public void RunHeld()
    {
        if (IsHolding && Interlocked.Exchange(ref _isHolding, 0) == 1)
        {
            _send!(_sendState);
        }
    }

    private void Run(Action<object?> action, object? state)
    {
        var outer = s_current;
        s_current = this;
        try
        {
            action(state);
        }
        finally
        {
            s_current = outer;
            RunHeld();
        }
    }

    private bool TryHold(Action<object?> send, object? sendState)
    {
        // One send at a time; code that writes to several connections sends the others at once. After somebody else has run a held send, this
        // dispatch has proved slow and holds no more.
        if (_send is not null || _isAbandoned)
        {
            return false;
        }

        _send = send;
        _sendState = sendState;
        if (_isOnLoop)
        {
            Interlocked.Exchange(ref _isHolding, 1);
            if (_isAbandoned)
            {
                RunHeld();
            }

            return true;
        }

        HeldSinceMs = Environment.TickCount64;
        Volatile.Write(ref _isHolding, 1);
        if (!_loop.TryGuard(this))
        {
            RunHeld();
        }

        return true;
    }
}
