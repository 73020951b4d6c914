using System.Buffers;
using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Transport.Linux.Files;
using Transport.Linux.Interop;

namespace Transport.Linux.Connections;

/// <content>
/// Sending: a loop over the output pipe whose continuations run inline, on the thread that flushed, so that a response leaves without a
/// hop. Only a full socket makes it wait for the event loop.
/// </content>
internal sealed partial class LinuxConnection : IValueTaskSource
{
    // The states of the wait for writability; see WaitUntilWritable.
    private const int WriteUnknown = 0;
    private const int WriteSignaled = 1;
    private const int WriteAwaited = 2;

    private ManualResetValueTaskSourceCore<bool> _writable;
    private int _writeState;

    void IValueTaskSource.GetResult(short token) => _writable.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _writable.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _writable.OnCompleted(continuation, state, token, flags);

    private async Task SendAsync()
    {
        Exception? error = null;
        var shortage = default(MemoryShortage);
        try
        {
            while (true)
            {
                var result = await _output.ReadAsync();
                if (_abortReason is not null)
                {
                    break;
                }

                // The close that follows sends what is left, together with its FIN, in one segment (send(2), MSG_MORE).
                var flags = result.IsCompleted && _detached is null ? SocketCalls.MSG_MORE : 0;
                CollectCompletions();
                var unsent = _zeroCopy is { } sends ? result.Buffer.Slice(sends.HeldBytes) : result.Buffer;
                while (!unsent.IsEmpty && _abortReason is null)
                {
                    Volatile.Write(ref _writeState, WriteUnknown);
                    var sent = _files is { } files ? SendWithFiles(files, unsent, flags) : Send(unsent, flags);
                    if (sent >= 0)
                    {
                        unsent = unsent.Slice(sent);
                        _sentBytes.Add(sent);
                        shortage = default;
                    }
                    else if (sent is -Errno.EAGAIN)
                    {
                        await WaitUntilWritable();
                    }
                    else if (MemoryShortage.IsCauseOf((int)-sent) && shortage.NextPause() is { } pause)
                    {
                        await Task.Delay(pause);
                    }
                    else if (sent == FileSegment.NotCached)
                    {
                        // To a thread of the pool, which may wait for the disk.
                        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                    }
                    else if (_abortReason is null)
                    {
                        error = ToSendError((int)-sent);
                        break;
                    }
                }

                AdvanceOutput(result.Buffer, unsent.Start);
                if (error is not null || _abortReason is not null || (result.IsCompleted && unsent.IsEmpty))
                {
                    break;
                }
            }
        }
        catch (Exception exception)
        {
            // The application completed its output with an error.
            error = exception;
            TransportLog.ConnectionError(_logger, ConnectionId, exception);
        }

        if (_zeroCopy is { } outstanding)
        {
            error = await DrainZeroCopyAsync(outstanding, error);
        }

        // A reset is not the application's mistake: its writes end without an exception, as on Kestrel's socket transport.
        _output.Complete(error is ConnectionResetException ? null : error);
        if (_detached is null)
        {
            Close(error);
        }
        else
        {
            _sendError = error;
            _loop.Post(static state => ((LinuxConnection)state!).FinishDetach(), this);
        }
    }

    private nint Send(in ReadOnlySequence<byte> buffer, int flags)
    {
        if (TrySendZeroCopy(buffer, flags, out var sent))
        {
            return sent;
        }

        sent = buffer.IsSingleSegment ? SocketCalls.Send(_descriptor, buffer.FirstSpan, flags) : SendVectors(buffer, flags);
        if (sent > 0)
        {
            _zeroCopy?.AddOrdinary(sent);
        }

        return sent;
    }

    private nint SendVectors(in ReadOnlySequence<byte> buffer, int flags)
    {
        Span<SocketCalls.IoVector> vectors = stackalloc SocketCalls.IoVector[PinnedSegments.MaxCount];
        var pins = default(PinnedSegments);
        var count = pins.Pin(buffer, vectors);
        var sent = SocketCalls.SendMessage(_descriptor, vectors[..count], flags);
        pins.Release();
        return sent;
    }

    private Exception ToSendError(int errno)
    {
        if (errno is Errno.EPIPE or Errno.ECONNRESET)
        {
            if (_logger.IsEnabled(LogLevel.Debug))
            {
                TransportLog.ConnectionReset(_logger, ConnectionId);
            }

            return new ConnectionResetException("The connection was reset by the peer.", Errno.ToException("send", ConnectionId, errno));
        }

        var error = Errno.ToException("send", $"connection {ConnectionId}", errno);
        TransportLog.ConnectionError(_logger, ConnectionId, error);
        return error;
    }

    /// <summary>
    /// Waits for the event loop to report the socket writable. The report may come between the send that failed and this call: then the state
    /// is already <see cref="WriteSignaled"/> and there is nothing to wait for.
    /// </summary>
    private ValueTask WaitUntilWritable()
    {
        var wait = WaitForSignal();
        WatchSend();
        if (_abortReason is not null)
        {
            SignalWritable();
        }

        return wait;
    }

    private ValueTask WaitForSignal()
    {
        _writable.Reset();
        return Interlocked.CompareExchange(ref _writeState, WriteAwaited, WriteUnknown) == WriteUnknown
            ? new ValueTask(this, _writable.Version)
            : ValueTask.CompletedTask;
    }

    private void SignalWritable()
    {
        if (Interlocked.Exchange(ref _writeState, WriteSignaled) == WriteAwaited)
        {
            _writable.SetResult(true);
        }
    }
}
