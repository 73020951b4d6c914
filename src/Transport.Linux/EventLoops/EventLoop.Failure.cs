namespace Transport.Linux;

/// <content>
/// What happens when the loop cannot go on: it says so, and no longer serves its descriptors; but it still runs what is posted, because whatever
/// stops the application waits for that.
/// </content>
public sealed partial class EventLoop
{
    private const int FailedRoundMs = 10;

    private volatile bool _hasFailed;

    /// <summary>Whether the loop serves no descriptors any more.</summary>
    internal bool HasFailed => _hasFailed;

    /// <summary>Called once, on the loop's thread, when the loop cannot go on. Must not block.</summary>
    internal Action<EventLoop, Exception>? Failed { get; init; }

    private void Fail(Exception reason)
    {
        _hasFailed = true;
        TransportLog.LoopFailed(_logger, Index, reason.Message, reason);
        Failed?.Invoke(this, reason);
        while (!_isStopping || !_queue.IsEmpty)
        {
            NowMs = Environment.TickCount64;
            RunQueue();
            RunSoon();
            RunTimers();
            RunDeferred();
            MoveReadyToPool();
            Thread.Sleep(FailedRoundMs);
        }
    }
}
