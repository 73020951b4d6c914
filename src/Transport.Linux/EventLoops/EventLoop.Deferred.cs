using System.Diagnostics;

namespace Transport.Linux;

/// <content>
/// Work that can wait: it runs in slices between two looks at the descriptors, so that what becomes ready meanwhile waits for a slice, not for all of it. As
/// HAProxy gives tasks that wake themselves a class of their own, and the kernel ends a round of received packets after 2 ms (net.core.netdev_budget_usecs).
/// </content>
public sealed partial class EventLoop
{
    /// <summary>
    /// How long deferred work runs before the next look. Half a millisecond is some 1 MiB that is copied, against which the look, a system call, is nothing.
    /// </summary>
    private static readonly long s_sliceTicks = Stopwatch.Frequency / 2000;

    private readonly Queue<(Action<object?> Action, object? State)> _deferred = new();

    /// <summary>
    /// Queues work behind everything that is ready: for what has had its turn and has more to do, and for what is known to move many bytes. On the
    /// loop.
    /// </summary>
    /// <remarks>
    /// Deferred work runs in the order of its queueing, and what defers itself again goes to the end of the line. After half a millisecond of it the
    /// loop serves the descriptors, posts and timers that are due, and goes on with it then. An action is not interrupted, so none should take longer than
    /// some 0.2 ms. Allocates nothing, unless the line is longer than ever before. What is still deferred when the loop ends is not run.
    /// </remarks>
    /// <param name="action">What to run. It must not block. An exception that escapes is logged as an error.</param>
    /// <param name="state">Its argument.</param>
    public void Defer(Action<object?> action, object? state)
    {
        ArgumentNullException.ThrowIfNull(action);
        _deferred.Enqueue((action, state));
    }

    private void RunDeferred()
    {
        if (_deferred.Count == 0)
        {
            return;
        }

        var startedAt = Stopwatch.GetTimestamp();
        while (_deferred.TryDequeue(out var work))
        {
            RunLogged(work.Action, work.State);
            if (Stopwatch.GetTimestamp() - startedAt >= s_sliceTicks)
            {
                return;
            }
        }
    }
}
