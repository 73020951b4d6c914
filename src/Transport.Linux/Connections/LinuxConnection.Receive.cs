using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Transport.Linux.Interop;

namespace Transport.Linux.Connections;

/// <content>Receiving: on the event loop, from the socket into the input pipe, until the socket is empty or the pipe is full.</content>
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

    private void Receive(Readiness readiness)
    {
        if (_isInputCompleted)
        {
            return;
        }

        if (_isReceivePaused)
        {
            _pendingReadiness |= readiness;
            if ((readiness & Readiness.HangUp) != 0)
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
            var memory = _input.GetMemory(MinReceiveBufferSize);
            var received = SocketCalls.Receive(_descriptor, memory.Span);
            if (received <= 0)
            {
                OnReceiveEnd((int)received);
                return;
            }

            _input.Advance((int)received);
            _loop.Counters.CountReceived(received);
            var isEmpty = received < memory.Length && !mustReachEnd;
            if (!TryFlush(isEmpty ? Readiness.None : readiness) || isEmpty)
            {
                return;
            }
        }

        _pendingReadiness |= readiness;
        _isReceivePaused = true;
        _loop.Post(static state => ((LinuxConnection)state!).ResumeReceive(), this);
    }

    /// <summary>Hands received bytes to the application; false if receiving has to stop or wait.</summary>
    private bool TryFlush(Readiness readinessLeft)
    {
        var flush = _input.FlushAsync().GetAwaiter();
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
        if (_isInputCompleted)
        {
            return;
        }

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

    private void OnReceiveEnd(int result)
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

    private void CompleteInput(Exception? error)
    {
        if (!_isInputCompleted)
        {
            _isInputCompleted = true;
            _input.Complete(error);
        }
    }
}
