using Microsoft.AspNetCore.Connections;

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
/// <param name="loop">The loop that set the code off.</param>
/// <param name="isOnLoop">Whether the code runs on the loop's thread; such a dispatch serves any number of runs, one after another.</param>
internal sealed class ApplicationDispatch(EventLoop loop, bool isOnLoop)
{
    /// <summary>The longest that a flush may be held back, and the longest sleep of a loop that guards one.</summary>
    public const int GuardMs = 1;

    [ThreadStatic]
    private static ApplicationDispatch? s_current;

    private Action<object?>? _send;
    private object? _sendState;
    private int _isHolding;
    private volatile bool _isAbandoned;

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

    /// <summary>On the event loop, possibly from within application code that runs there.</summary>
    public void RunOnLoop(Action<object?> action, object? state)
    {
        if (s_current is not null)
        {
            new ApplicationDispatch(loop, isOnLoop: true).Run(action, state);
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

    /// <summary>Runs code that ends at its first wait, or with the task.</summary>
    public Task Run(ConnectionDelegate code, ConnectionContext connection)
    {
        var outer = s_current;
        s_current = this;
        try
        {
            return code(connection);
        }
        finally
        {
            s_current = outer;
            RunHeld();
        }
    }

    /// <summary>Runs code that is called without a return value.</summary>
    public void Run(Action<object?> action, object? state)
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
        if (isOnLoop)
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
        if (!loop.TryGuard(this))
        {
            RunHeld();
        }

        return true;
    }
}
