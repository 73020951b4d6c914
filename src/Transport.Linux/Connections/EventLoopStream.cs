using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Transport.Linux.Interop;

namespace Transport.Linux.Connections;

/// <summary>
/// An outgoing connection as a stream. Reads and writes are system calls of the thread that asks; only where the socket is not ready does the
/// caller wait for the event loop.
/// </summary>
/// <remarks>
/// The loop holds the connection, not the stream, so that a stream that nobody else holds is collected, and closed by that: an HTTP client that is
/// forgotten without being disposed of leaves its idle connections to their finalizers. A read or write that waits does hold the stream.
/// </remarks>
/// <param name="loop">The loop that the connection will live on.</param>
internal sealed class EventLoopStream(EventLoop loop) : Stream
{
    private readonly OutgoingConnection _connection = new(loop);

    ~EventLoopStream() => Dispose(disposing: false);

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public async Task<Stream> ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        try
        {
            await _connection.ConnectAsync(endPoint, cancellationToken);
            return this;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var shortage = default(MemoryShortage);
        while (true)
        {
            // After a short read the socket is empty until the loop says otherwise: no call to be told so.
            if (_connection.Readable.IsSet)
            {
                var received = _connection.TryReceive(buffer.Span);
                if (received >= 0)
                {
                    return received;
                }

                if (MemoryShortage.IsCauseOf(-received) && shortage.NextPause() is { } pause)
                {
                    await Task.Delay(pause, cancellationToken);
                    _connection.Readable.Set();
                }
                else if (received != -Errno.EAGAIN)
                {
                    throw ToReadException(-received);
                }
            }

            await _connection.Readable.WaitAsync(cancellationToken);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var shortage = default(MemoryShortage);
        while (!buffer.IsEmpty)
        {
            var sent = _connection.TrySend(buffer.Span);
            if (sent >= 0)
            {
                buffer = buffer[sent..];
                shortage = default;
            }
            else if (sent is -Errno.EAGAIN)
            {
                await _connection.Writable.WaitAsync(cancellationToken);
            }
            else if (MemoryShortage.IsCauseOf(-sent) && shortage.NextPause() is { } pause)
            {
                await Task.Delay(pause, cancellationToken);
            }
            else
            {
                throw ToWriteException(-sent);
            }
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(Span<byte> buffer)
    {
        StreamDetachment.Current?.Reach(this);
        return base.Read(buffer);
    }

    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Write(byte[] buffer, int offset, int count) =>
        WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Flush()
    {
        // Nothing is held back.
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Gives the descriptor away: from now on the stream is as good as disposed. What was received before comes first.</summary>
    public Task<DetachedConnection> DetachAsync(ReadOnlyMemory<byte> unread)
    {
        var detaching = _connection.DetachAsync(unread);
        // The finalizer must not come first.
        GC.KeepAlive(this);
        return detaching;
    }

    protected override void Dispose(bool disposing)
    {
        _connection.Close();
        if (disposing)
        {
            // Whoever waits finds the stream closed. The finalizer wakes nobody: what still waits then is garbage itself, of a loop that has ended.
            _connection.Readable.Set();
            _connection.Writable.Set();
        }

        base.Dispose(disposing);
    }

    private static IOException ToReadException(int errno)
    {
        var inner = Errno.ToException("recv", "an outgoing connection", errno);
        return new IOException($"Unable to read data from the transport connection: {inner.Message}", inner);
    }

    private static IOException ToWriteException(int errno)
    {
        var inner = Errno.ToException("send", "an outgoing connection", errno);
        return new IOException($"Unable to write data to the transport connection: {inner.Message}", inner);
    }
}
