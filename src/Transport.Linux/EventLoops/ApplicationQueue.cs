using System.Collections.Concurrent;

namespace Transport.Linux.EventLoops;

/// <summary>
/// The application code that one event loop has set off, on its way to the thread pool. A worker that comes for one runs those behind it too, which
/// spares the pool a wake-up for each; and it calls another worker before it begins, because application code may block.
/// </summary>
internal sealed class ApplicationQueue(EventLoop loop) : IThreadPoolWorkItem
{
    /// <summary>After this long a worker goes back to the pool, for the sake of other work that waits there.</summary>
    private const int TurnMs = 15;

    private readonly ConcurrentQueue<(Action<object?> Action, object? State)> _waiting = new();
    private int _isRequested;

    public void Add(Action<object?> action, object? state)
    {
        _waiting.Enqueue((action, state));
        RequestWorker();
    }

    public void Execute()
    {
        // Before the look at the queue: an item that is added after the look finds that nobody is requested.
        Interlocked.Exchange(ref _isRequested, 0);
        if (!_waiting.TryDequeue(out var code))
        {
            return;
        }

        var startedMs = Environment.TickCount64;
        do
        {
            if (!_waiting.IsEmpty)
            {
                RequestWorker();
            }

            new ApplicationDispatch(loop, isOnLoop: false).Run(code.Action, code.State);
        }
        while (Environment.TickCount64 - startedMs < TurnMs && _waiting.TryDequeue(out code));

        if (!_waiting.IsEmpty)
        {
            RequestWorker();
        }
    }

    private void RequestWorker()
    {
        if (Volatile.Read(ref _isRequested) == 0 && Interlocked.Exchange(ref _isRequested, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }
}
