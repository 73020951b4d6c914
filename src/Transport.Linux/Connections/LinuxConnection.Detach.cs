using System.Buffers;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Transport.Linux.Connections;

/// <content>Leaving Kestrel: the send loop runs dry first, then the event loop lets go of the descriptor, then the unread bytes are taken.</content>
internal sealed partial class LinuxConnection : IConnectionDetachFeature
{
    private TaskCompletionSource<int>? _detached;
    private Exception? _sendError;
    private Exception? _receiveError;
    private bool _hasLeft;

    public bool CanDetach => Volatile.Read(ref _detached) is null && ReferenceEquals(Transport, _originalTransport);

    public async ValueTask<DetachedConnection> DetachAsync()
    {
        var detached = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (Interlocked.CompareExchange(ref _detached, detached, null) is not null)
        {
            throw new InvalidOperationException($"Connection {ConnectionId} was detached before.");
        }

        // Close sets the one and looks at the other in the opposite order, so one of the two finds out.
        if (_ended.Task.IsCompleted)
        {
            FailDetach(_abortReason);
        }

        // Ends the send loop once everything written so far is with the kernel.
        _originalTransport.Output.Complete();
        var descriptor = await detached.Task;
        var unread = await TakeUnreadBytesAsync();
        if (_logger.IsEnabled(LogLevel.Debug))
        {
            TransportLog.ConnectionDetached(_logger, ConnectionId, unread.Length);
        }

        return new DetachedConnection(descriptor, unread, _loop, LocalEndPoint, RemoteEndPoint, CancelClosedSourceOnce);
    }

    /// <summary>On the event loop, after the send loop has ended.</summary>
    private void FinishDetach()
    {
        // A connection that has failed is not handed over: its error was reported once, and the descriptor would not say it again.
        Exception? failure;
        lock (_abortLock)
        {
            failure = _sendError ?? _receiveError ?? _abortReason;
            _hasLeft = failure is null;
        }

        if (failure is not null)
        {
            Close(failure);
            return;
        }

        _sentBytes.CountInto(_loop.Counters);
        _zeroCopy?.CountInto(_loop.Counters);
        _files?.CountInto(_loop.Counters);
        _loop.Counters.CountDetached();
        _loop.Unregister(_registration);
        EndSendDeadline();
        CompleteInput(null);
        _detached!.TrySetResult(_descriptor);
        _ended.TrySetResult();
    }

    /// <summary>Tells whoever wants the descriptor, if somebody does, that it is closed.</summary>
    private void FailDetach(Exception? reason) => Volatile.Read(ref _detached)?.TrySetException(
        reason ?? new ConnectionAbortedException($"Connection {ConnectionId} was closed before it could be detached."));

    private async ValueTask<ReadOnlyMemory<byte>> TakeUnreadBytesAsync()
    {
        // The writer is completed: this read returns all that is left. The reader is not: Kestrel may look for another request and finds the end.
        var input = _originalTransport.Input;
        var result = await input.ReadAsync();
        var unread = result.Buffer.ToArray();
        input.AdvanceTo(result.Buffer.End);
        return unread;
    }
}
