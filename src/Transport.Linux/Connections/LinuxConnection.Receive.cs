using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Transport.Linux.Interop;

namespace Transport.Linux.Connections;

/// <content>
/// Receiving: on the event loop, from the socket into the input pipe, until the socket is empty or the pipe is full. The lock is held around the
/// use of descriptor and pipe, because <see cref="Close"/> may come from another thread, but never while application code may run.
/// </content>
internal sealed partial class LinuxConnection
{
    /// <summary>Room that a receive wants: half a block of the pool, as in Kestrel's socket transport.</summary>
    private const int MinReceiveBufferSize = 2048;

    /// <summary>Reads in one go before other connections of the loop get their turn.</summary>
    private const int MaxReceivesPerEvent = 64;

    private ValueTaskAwaiter<FlushResult> _flushAwaiter;
    private Readiness _pendingReadiness;
    private bool _isReceivePaused;
    private bool _isInputCompleted;
    private bool _isFlushing;
    private Exception? _inputError;
    private ReceiveShortage? _shortage;

    private void Receive(Readiness readiness)
    {
        if (_isReceivePaused)
        {
            _pendingReadiness |= readiness;
            if ((readiness & Readiness.HangUp) != 0 && !_isInputCompleted)
            {
                // Both directions are gone: nothing that the application might still read is worth waiting for.
                OnReceiveError(Errno.ECONNRESET);
            }

            return;
        }

        // After a short read the socket is empty and the next segment makes a new event. An end or error of the stream may have come
        // with this very event, though, and makes no other: then only a read of zero or an error ends the cycle.
        var mustReachEnd = (readiness & ~(Readiness.Readable | Readiness.Writable)) != 0;
        for (var i = 0; i < MaxReceivesPerEvent; i++)
        {
            if (!TryReceive(out var received, out var isFull))
            {
                return;
            }

            if (received <= 0)
            {
                OnReceiveEnd(received, readiness);
                return;
            }

            _shortage = null;
            _loop.Counters.CountReceived(received);
            var isEmpty = !isFull && !mustReachEnd;
            if (!TryFlush(isEmpty ? Readiness.None : readiness) || isEmpty)
            {
                return;
            }
        }

        _pendingReadiness |= readiness;
        _isReceivePaused = true;
        _loop.Defer(static state => ((LinuxConnection)state!).ResumeReceive(), this);
    }

    /// <summary>Receives once into the pipe; false if the input is completed, after which the descriptor may be closed.</summary>
    private bool TryReceive(out int received, out bool isFull)
    {
        lock (_receiveLock)
        {
            if (_isInputCompleted)
            {
                received = 0;
                isFull = false;
                return false;
            }

            var memory = _input.GetMemory(MinReceiveBufferSize);
            received = (int)SocketCalls.Receive(_descriptor, memory.Span);
            isFull = received == memory.Length;
            if (received > 0)
            {
                _input.Advance(received);
                _isFlushing = true;
            }

            return true;
        }
    }

    /// <summary>Hands received bytes to the application; false if receiving has to stop or wait.</summary>
    private bool TryFlush(Readiness readinessLeft)
    {
        // Application code may run in here, inline, and may close the connection.
        var flush = _input.FlushAsync().GetAwaiter();
        if (!EndFlush())
        {
            return false;
        }

        if (flush.IsCompleted)
        {
            return ContinueAfter(flush.GetResult());
        }

        if (_logger.IsEnabled(LogLevel.Debug))
        {
            TransportLog.ConnectionPause(_logger, ConnectionId);
        }

        _isReceivePaused = true;
        _pendingReadiness |= readinessLeft;
        _flushAwaiter = flush;
        // The pipe's writer scheduler is the event loop, so this comes back on the loop's thread.
        _flushAwaiter.UnsafeOnCompleted(OnFlushed);
        return false;
    }

    private void OnFlushed()
    {
        var result = _flushAwaiter.GetResult();
        _flushAwaiter = default;
        if (_logger.IsEnabled(LogLevel.Debug))
        {
            TransportLog.ConnectionResume(_logger, ConnectionId);
        }

        if (ContinueAfter(result))
        {
            ResumeReceive();
        }
    }

    private void ResumeReceive()
    {
        _isReceivePaused = false;
        var readiness = _pendingReadiness;
        _pendingReadiness = Readiness.None;
        if (readiness != Readiness.None)
        {
            Receive(readiness);
        }
    }

    private bool ContinueAfter(FlushResult result)
    {
        if (result.IsCompleted || result.IsCanceled)
        {
            // The application reads no more; what else arrives stays in the kernel until the close.
            CompleteInput(null);
            FireConnectionClosed();
            return false;
        }

        return true;
    }

    private void OnReceiveEnd(int result, Readiness readiness)
    {
        switch (-result)
        {
            case 0:
                if (_logger.IsEnabled(LogLevel.Debug))
                {
                    TransportLog.ConnectionReadFin(_logger, ConnectionId);
                }

                CompleteInput(null);
                FireConnectionClosed();
                break;
            case Errno.EAGAIN:
                break;
            case var errno when MemoryShortage.IsCauseOf(errno) && (_shortage ??= new ReceiveShortage(this)).TryBeginPause():
                _isReceivePaused = true;
                _pendingReadiness |= readiness;
                break;
            default:
                OnReceiveError(-result);
                break;
        }
    }

    private void OnReceiveError(int errno)
    {
        Exception error;
        if (errno is Errno.ECONNRESET or Errno.EPIPE)
        {
            if (_logger.IsEnabled(LogLevel.Debug))
            {
                TransportLog.ConnectionReset(_logger, ConnectionId);
            }

            error = new ConnectionResetException("The connection was reset by the peer.", Errno.ToException("recv", ConnectionId, errno));
        }
        else
        {
            error = Errno.ToException("recv", $"connection {ConnectionId}", errno);
            TransportLog.ConnectionError(_logger, ConnectionId, error);
        }

        _receiveError = error;
        CompleteInput(error);
        FireConnectionClosed();
    }

    /// <summary>Ends the input, once. Callable on any thread; a flush that is under way on the loop is not disturbed.</summary>
    private void CompleteInput(Exception? error)
    {
        lock (_receiveLock)
        {
            if (_isInputCompleted)
            {
                return;
            }

            _isInputCompleted = true;
            if (_isFlushing)
            {
                _inputError = error;
                return;
            }
        }

        _input.Complete(error);
    }

    /// <summary>False if the input was completed during the flush.</summary>
    private bool EndFlush()
    {
        lock (_receiveLock)
        {
            _isFlushing = false;
            if (!_isInputCompleted)
            {
                return true;
            }
        }

        _input.Complete(_inputError);
        return false;
    }

    /// <summary>The kernel has no memory for a receive: the next try.</summary>
    private sealed class ReceiveShortage(LinuxConnection connection) : EventLoopTimer
    {
        private MemoryShortage _shortage;

        /// <summary>False if the shortage has lasted too long.</summary>
        public bool TryBeginPause()
        {
            if (_shortage.NextPause() is not { } pause)
            {
                return false;
            }

            connection._loop.Arm(this, pause);
            return true;
        }

        protected internal override void OnTimer() => connection.ResumeReceive();
    }
}
