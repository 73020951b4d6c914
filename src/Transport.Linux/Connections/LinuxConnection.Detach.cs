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

        return new DetachedConnection(descriptor, unread, _loop, LocalEndPoint, RemoteEndPoint);
    }

    /// <summary>On the event loop, after the send loop has ended.</summary>
    private void FinishDetach()
    {
        // A connection that has failed is not handed over: its error was reported once, and the descriptor would not say it again.
        var failure = _sendError ?? _receiveError ?? _abortReason;
        if (failure is not null)
        {
            Close(failure);
            _detached!.TrySetException(failure);
            return;
        }

        _sentBytes.CountInto(_loop.Counters);
        _zeroCopy?.CountInto(_loop.Counters);
        _loop.Counters.CountDetached();
        _loop.Unregister(_registration);
        CompleteInput(null);
        FireConnectionClosed();
        _ended.TrySetResult();
        _detached!.TrySetResult(_descriptor);
    }

    private async ValueTask<ReadOnlyMemory<byte>> TakeUnreadBytesAsync()
    {
        // The writer is completed: this read returns all that is left.
        var input = _originalTransport.Input;
        var result = await input.ReadAsync();
        var unread = result.Buffer.ToArray();
        input.AdvanceTo(result.Buffer.End);
        input.Complete();
        return unread;
    }
}
