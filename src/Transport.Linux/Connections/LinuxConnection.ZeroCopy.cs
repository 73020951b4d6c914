using System.Buffers;
using Microsoft.AspNetCore.Connections;
using Transport.Linux.Interop;

namespace Transport.Linux.Connections;

/// <content>
/// Sending without a copy (Documentation/networking/msg_zerocopy.rst of the kernel). What was sent stays at the front of the output pipe until the
/// error queue says that the kernel is done with it, which for TCP means that the peer has acknowledged it. The send loop reads the queue when the
/// event loop has seen EPOLLERR, so that one thread at a time deals with both.
/// </content>
internal sealed partial class LinuxConnection
{
    private volatile ZeroCopySends? _zeroCopy;
    private long _zeroCopyThreshold;
    private bool _isDiscarded;
    private volatile bool _hasLingered;

    // 1 when the error queue may hold something new.
    private int _hasCompletions;

    /// <summary>True if the bytes went out, or did not, without a copy; false if they are to go the ordinary way.</summary>
    private bool TrySendZeroCopy(in ReadOnlySequence<byte> buffer, int flags, out nint sent)
    {
        sent = 0;
        if (buffer.Length < _zeroCopyThreshold)
        {
            return false;
        }

        CollectCompletions();
        if (buffer.Length < _zeroCopyThreshold)
        {
            return false;
        }

        sent = (_zeroCopy ??= new ZeroCopySends(_descriptor)).TrySend(buffer, flags);
        if (sent != -Errno.ENOBUFS)
        {
            return true;
        }

        // The limit of locked pages, or of net.core.optmem_max: it would be met again and again.
        StopZeroCopy();
        return false;
    }

    private void StopZeroCopy() => _zeroCopyThreshold = long.MaxValue;

    /// <summary>Gives back to the pipe's pool what was sent and is not read by the kernel any more.</summary>
    private void AdvanceOutput(in ReadOnlySequence<byte> buffer, SequencePosition sentTo)
    {
        if (_zeroCopy is { } sends)
        {
            sentTo = buffer.GetPosition(sends.Release());
        }

        _output.AdvanceTo(sentTo, buffer.End);
    }

    private void CollectCompletions()
    {
        if (Volatile.Read(ref _hasCompletions) == 1 && Interlocked.Exchange(ref _hasCompletions, 0) == 1)
        {
            CollectCompletions(_zeroCopy!);
        }
    }

    private void CollectCompletions(ZeroCopySends sends)
    {
        sends.Collect();
        if (sends.IsCopied)
        {
            StopZeroCopy();
        }
    }

    /// <summary>
    /// On the event loop: EPOLLERR may be the error queue, and is then no error of the connection. Those come with EPOLLHUP (tcp_done of the kernel).
    /// </summary>
    private Readiness OnErrorQueue(Readiness readiness)
    {
        Volatile.Write(ref _hasCompletions, 1);
        _output.CancelPendingRead();
        SignalWritable();
        return (readiness & Readiness.HangUp) != 0 ? readiness : readiness & ~Readiness.Error;
    }

    /// <summary>
    /// After the last byte was sent, or the connection failed: waits until the kernel reads none of the pipe's memory, so that it can go back to the
    /// pool. FIN goes out meanwhile, and the peer has the time that the kernel gives an orphaned connection. After it, or on an error, the
    /// connection is reset while the descriptor stays open: the kernel then drops what it holds, and the error queue says when.
    /// </summary>
    private async ValueTask<Exception?> DrainZeroCopyAsync(ZeroCopySends sends, Exception? sendError)
    {
        ZeroCopyLinger? linger = null;
        while (true)
        {
            // Before the look at the queue, so that a completion or an abort after it is not missed.
            Volatile.Write(ref _writeState, WriteUnknown);
            CollectCompletions(sends);
            if (!sends.HasOutstanding)
            {
                break;
            }

            if (_hasLingered)
            {
                sendError ??= new ConnectionAbortedException($"The peer has not acknowledged what was sent for {_options.ZeroCopyLingerTimeout}.");
            }

            var failure = sendError ?? _abortReason;
            if (failure is not null && (_hasLingered || !_finOnError) && !_isDiscarded)
            {
                _isDiscarded = true;
                CompleteInput(failure);
                _ = SocketCalls.Disconnect(_descriptor);
                continue;
            }

            if (_detached is null && linger is null && !_isDiscarded)
            {
                _ = SocketCalls.Shutdown(_descriptor, SocketCalls.SHUT_WR);
                linger = new ZeroCopyLinger(this);
                linger.Begin();
            }

            await WaitForSignal();
        }

        linger?.End();
        return sendError;
    }

    /// <summary>The bound of the wait for a peer that does not acknowledge.</summary>
    private sealed class ZeroCopyLinger(LinuxConnection connection) : EventLoopTimer
    {
        public void Begin() => connection._loop.Post(static state => ((ZeroCopyLinger)state!).Arm(), this);

        public void End() => connection._loop.Post(static state => ((ZeroCopyLinger)state!).Disarm(), this);

        protected internal override void OnTimer()
        {
            connection._hasLingered = true;
            connection.SignalWritable();
        }

        private void Arm() => connection._loop.Arm(this, connection._options.ZeroCopyLingerTimeout);

        private void Disarm() => connection._loop.Cancel(this);
    }
}
