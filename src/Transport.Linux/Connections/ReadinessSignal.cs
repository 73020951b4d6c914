using System.Threading.Tasks.Sources;

namespace Transport.Linux.Connections;

/// <summary>
/// Tells one waiter that a descriptor has become ready; the waiter goes on as application code of the event loop. Whoever is about to try the
/// descriptor clears the signal first, so that readiness that comes during the try is not lost.
/// </summary>
internal sealed class ReadinessSignal(EventLoop loop) : IValueTaskSource
{
    private const int Clear = 0;
    private const int Ready = 1;
    private const int Awaited = 2;

    private ManualResetValueTaskSourceCore<bool> _core;
    private int _state;

    public bool IsSet => Volatile.Read(ref _state) == Ready;

    public void Reset() => Volatile.Write(ref _state, Clear);

    /// <summary>Callable on any thread.</summary>
    public void Set()
    {
        if (Interlocked.Exchange(ref _state, Ready) == Awaited)
        {
            loop.RunApplication(static signal => ((ReadinessSignal)signal!)._core.SetResult(true), this, isInline: false);
        }
    }

    /// <summary>Waits until the signal is set. One waiter at a time.</summary>
    public async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        if (!cancellationToken.CanBeCanceled)
        {
            await WaitAsync();
            return;
        }

        var registration = cancellationToken.UnsafeRegister(static (signal, token) => ((ReadinessSignal)signal!).Cancel(token), this);
        try
        {
            var wait = WaitAsync();
            if (cancellationToken.IsCancellationRequested)
            {
                // The callback may have come before there was anything to cancel.
                Cancel(cancellationToken);
            }

            await wait;
        }
        finally
        {
            await registration.DisposeAsync();
        }
    }

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private ValueTask WaitAsync()
    {
        _core.Reset();
        return Interlocked.CompareExchange(ref _state, Awaited, Clear) == Clear
            ? new ValueTask(this, _core.Version)
            : ValueTask.CompletedTask;
    }

    private void Cancel(CancellationToken cancellationToken)
    {
        if (Interlocked.CompareExchange(ref _state, Clear, Awaited) == Awaited)
        {
            _core.SetException(new OperationCanceledException(cancellationToken));
        }
    }
}
