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
            _detached!.TrySetException(failure);
            return;
        }

        _sentBytes.CountInto(_loop.Counters);
        _zeroCopy?.CountInto(_loop.Counters);
        _files?.CountInto(_loop.Counters);
        _loop.Counters.CountDetached();
        _loop.Unregister(_registration);
        EndSendDeadline();
        CompleteInput(null);
        _ended.TrySetResult();
        _detached!.TrySetResult(_descriptor);
    }

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
