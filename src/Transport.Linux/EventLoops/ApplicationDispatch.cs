namespace Transport.Linux.EventLoops;

/// <summary>
/// One run of application code, and the send that it causes. An application often flushes twice for one response (the body, then the end of a
/// chunked body); the first flush is held until the code returns, so that both leave in one system call.
/// </summary>
/// <remarks>
/// On the thread pool, code that flushes and then keeps its thread must not keep the bytes: the event loop runs a send that is held for longer
/// than <see cref="GuardMs"/>. A loop that sleeps without a limit cannot see to it, so then nothing is held. Code that runs on the loop itself
/// has promised not to block (<see cref="LinuxTransportOptions.UnsafePreferInlineScheduling"/>) and needs no guard.
/// </remarks>
internal sealed class ApplicationDispatch(EventLoop loop, Action<object?> action, object? state)
{
    /// <summary>The longest that a flush may be held back, and the longest sleep of a loop that guards one.</summary>
    public const int GuardMs = 1;

    [ThreadStatic]
    private static ApplicationDispatch? s_current;

    private Action<object?>? _send;
    private object? _sendState;
    private int _isHolding;
    private bool _isInline;

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

    /// <summary>On the thread pool.</summary>
    public void Execute()
    {
        s_current = this;
        try
        {
            action(state);
        }
        finally
        {
            s_current = null;
            RunHeld();
        }
    }

    /// <summary>On the event loop.</summary>
    public void ExecuteInline()
    {
        _isInline = true;
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

    /// <summary>Runs the held send, if there is one and nobody else does. Callable on any thread.</summary>
    public void RunHeld()
    {
        if (IsHolding && Interlocked.Exchange(ref _isHolding, 0) == 1)
        {
            _send!(_sendState);
        }
    }

    private bool TryHold(Action<object?> send, object? sendState)
    {
        // One send at a time; code that writes to several connections sends the others at once. After the loop has run a held send, this
        // dispatch has proved slow and holds no more.
        if (_send is not null)
        {
            return false;
        }

        _send = send;
        _sendState = sendState;
        if (_isInline)
        {
            _isHolding = 1;
            return true;
        }

        HeldSinceMs = Environment.TickCount64;
        Volatile.Write(ref _isHolding, 1);
        if (!loop.TryGuard(this))
        {
            RunHeld();
        }

        return true;
    }
}
