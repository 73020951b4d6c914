using System.Diagnostics;

namespace Transport.Linux.Metrics;

/// <summary>
/// What one event loop counts. Written by its thread only, so counting costs a plain addition; read by the metrics from any thread, a moment
/// late at worst.
/// </summary>
internal sealed class LoopCounters
{
    private long _accepted;
    private long _acceptedLocal;
    private long _acceptedRemote;
    private long _opened;
    private long _closed;
    private long _detached;
    private long _received;
    private long _sent;
    private long _zeroCopySends;
    private long _zeroCopyCopied;
    private long _fileBytes;
    private long _fileWaits;
    private long _sendTimeouts;
    private long _pausedListeners;
    private long _rounds;
    private long _longestRoundTicks;
    private long _relieved;
    private long _busyTicks;
    private long _awakeSince;
    private int _transitions;

    public long Accepted => Volatile.Read(ref _accepted);

    /// <summary>Accepted TCP connections whose packets arrive on the loop's own memory node.</summary>
    public long AcceptedLocal => Volatile.Read(ref _acceptedLocal);

    /// <summary>Those whose packets arrive on another.</summary>
    public long AcceptedRemote => Volatile.Read(ref _acceptedRemote);

    public long Closed => Volatile.Read(ref _closed);

    /// <summary>Kestrel's connections that are open now.</summary>
    public long ActiveConnections => Math.Max(0, Volatile.Read(ref _opened) - Closed - Detached);

    /// <summary>How often the loop has woken and gone back to waiting.</summary>
    public long Rounds => Volatile.Read(ref _rounds);

    public long Detached => Volatile.Read(ref _detached);

    public long BytesReceived => Volatile.Read(ref _received);

    public long BytesSent => Volatile.Read(ref _sent);

    public long ZeroCopySends => Volatile.Read(ref _zeroCopySends);

    /// <summary>Zero-copy sends whose bytes the kernel copied after all.</summary>
    public long ZeroCopyCopied => Volatile.Read(ref _zeroCopyCopied);

    /// <summary>Bytes among <see cref="BytesSent"/> that sendfile(2) has sent.</summary>
    public long FileBytes => Volatile.Read(ref _fileBytes);

    /// <summary>Sends from files that left the loop because they would have waited for a disk.</summary>
    public long FileWaits => Volatile.Read(ref _fileWaits);

    /// <summary>Connections that were reset because their peer took nothing.</summary>
    public long SendTimeouts => Volatile.Read(ref _sendTimeouts);

    /// <summary>How many of the loop's listeners don't accept for want of descriptors or memory.</summary>
    public long PausedListeners => Volatile.Read(ref _pausedListeners);

    /// <summary>How often another thread has taken the loop over from application code.</summary>
    public long Relieved => Volatile.Read(ref _relieved);

    public void CountAccepted() => Volatile.Write(ref _accepted, _accepted + 1);

    public void CountLocality(bool isLocal)
    {
        if (isLocal)
        {
            Volatile.Write(ref _acceptedLocal, _acceptedLocal + 1);
        }
        else
        {
            Volatile.Write(ref _acceptedRemote, _acceptedRemote + 1);
        }
    }

    public void CountOpened() => Volatile.Write(ref _opened, _opened + 1);

    public void CountClosed() => Volatile.Write(ref _closed, _closed + 1);

    public void CountDetached() => Volatile.Write(ref _detached, _detached + 1);

    public void CountReceived(long bytes) => Volatile.Write(ref _received, _received + bytes);

    public void CountSent(long bytes) => Volatile.Write(ref _sent, _sent + bytes);

    public void CountZeroCopy(long sends, long copied)
    {
        Volatile.Write(ref _zeroCopySends, _zeroCopySends + sends);
        Volatile.Write(ref _zeroCopyCopied, _zeroCopyCopied + copied);
    }

    public void CountFiles(long bytes, long waits)
    {
        Volatile.Write(ref _fileBytes, _fileBytes + bytes);
        Volatile.Write(ref _fileWaits, _fileWaits + waits);
    }

    public void CountSendTimeout() => Volatile.Write(ref _sendTimeouts, _sendTimeouts + 1);

    public void CountPaused(int change) => Volatile.Write(ref _pausedListeners, _pausedListeners + change);

    public void CountRelieved() => Volatile.Write(ref _relieved, _relieved + 1);

    /// <summary>Right before epoll_wait(2).</summary>
    public void BeginWait()
    {
        var round = Stopwatch.GetTimestamp() - _awakeSince;
        Volatile.Write(ref _rounds, _rounds + 1);
        if (round > Volatile.Read(ref _longestRoundTicks))
        {
            Volatile.Write(ref _longestRoundTicks, round);
        }

        Change(_busyTicks + round, 0);
    }

    /// <summary>Right after epoll_wait(2), and when the loop's thread starts.</summary>
    public void EndWait() => Change(_busyTicks, Stopwatch.GetTimestamp());

    /// <summary>The time that the loop has not spent waiting, in ticks of <see cref="Stopwatch"/>, up to <paramref name="now"/>.</summary>
    public long BusyTicks(long now)
    {
        var (busy, awakeSince) = ReadClock();
        return awakeSince == 0 ? busy : busy + Math.Max(0, now - awakeSince);
    }

    /// <summary>
    /// The longest round since the last call, in ticks of <see cref="Stopwatch"/>; the one that is under way counts up to <paramref name="now"/>.
    /// </summary>
    public long TakeLongestRound(long now)
    {
        var longest = Interlocked.Exchange(ref _longestRoundTicks, 0);
        var (_, awakeSince) = ReadClock();
        return awakeSince == 0 ? longest : Math.Max(longest, now - awakeSince);
    }

    private (long BusyTicks, long AwakeSince) ReadClock()
    {
        var spinner = new SpinWait();
        while (true)
        {
            var before = Volatile.Read(ref _transitions);
            var busy = Volatile.Read(ref _busyTicks);
            var awakeSince = Volatile.Read(ref _awakeSince);
            Interlocked.MemoryBarrier();
            // Odd while the loop changes the two values.
            if ((before & 1) == 0 && before == Volatile.Read(ref _transitions))
            {
                return (busy, awakeSince);
            }

            spinner.SpinOnce();
        }
    }

    private void Change(long busyTicks, long awakeSince)
    {
        Volatile.Write(ref _transitions, _transitions + 1);
        // The mark must be out before either value is: a release store alone doesn't hold back the ones after it (arm64).
        Volatile.WriteBarrier();
        Volatile.Write(ref _busyTicks, busyTicks);
        Volatile.Write(ref _awakeSince, awakeSince);
        Volatile.Write(ref _transitions, _transitions + 1);
    }
}
