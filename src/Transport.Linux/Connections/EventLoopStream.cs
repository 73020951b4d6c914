using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Transport.Linux.Descriptors;
using Transport.Linux.Interop;

namespace Transport.Linux.Connections;

/// <summary>
/// An outgoing connection as a stream. Reads and writes are system calls of the thread that asks; only where the socket is not ready does the
/// caller wait for the event loop. The lock keeps a close from coming into a system call of another thread.
/// </summary>
internal sealed class EventLoopStream : Stream, IReadinessHandler
{
    private const Readiness Interest = Readiness.Readable | Readiness.Writable | Readiness.ReadHangUp;

    private readonly EventLoop _loop;
    private readonly ReadinessSignal _readable;
    private readonly ReadinessSignal _writable;
    private readonly Lock _lock = new();

    private TaskCompletionSource<Stream>? _connecting = new();
    private EndPoint? _remoteEndPoint;
    private EventRegistration _registration;
    private int _descriptor = -1;
    private bool _isClosed;
    private volatile bool _isEndSeen;

    public EventLoopStream(EventLoop loop)
    {
        _loop = loop;
        _readable = new ReadinessSignal(loop);
        _writable = new ReadinessSignal(loop);
    }

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
        var connecting = _connecting!;
        _loop.Post(_ => Connect(endPoint), null);
        using var registration = cancellationToken.UnsafeRegister(
            static (state, token) =>
            {
                var (stream, task) = ((EventLoopStream, TaskCompletionSource<Stream>))state!;
                if (task.TrySetCanceled(token))
                {
                    stream.Dispose();
                }
            },
            (this, connecting));
        return await connecting.Task;
    }

    public void OnReady(Readiness readiness)
    {
        if (_connecting is not null)
        {
            FinishConnect();
            return;
        }

        if ((readiness & (Readiness.ReadHangUp | Readiness.HangUp | Readiness.Error)) != 0)
        {
            _isEndSeen = true;
        }

        if ((readiness & ~Readiness.Writable) != 0)
        {
            _readable.Set();
        }

        if ((readiness & (Readiness.Writable | Readiness.HangUp | Readiness.Error)) != 0)
        {
            _writable.Set();
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
            if (_readable.IsSet)
            {
                var received = TryReceive(buffer.Span);
                if (received >= 0)
                {
                    return received;
                }

                if (MemoryShortage.IsCauseOf(-received) && shortage.NextPause() is { } pause)
                {
                    await Task.Delay(pause, cancellationToken);
                    _readable.Set();
                }
                else if (received != -Errno.EAGAIN)
                {
                    throw ToReadException(-received);
                }
            }

            await _readable.WaitAsync(cancellationToken);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var shortage = default(MemoryShortage);
        while (!buffer.IsEmpty)
        {
            var sent = TrySend(buffer.Span);
            if (sent >= 0)
            {
                buffer = buffer[sent..];
                shortage = default;
            }
            else if (sent is -Errno.EAGAIN)
            {
                await _writable.WaitAsync(cancellationToken);
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
    public async Task<DetachedConnection> DetachAsync(ReadOnlyMemory<byte> unread)
    {
        int descriptor;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            _isClosed = true;
            descriptor = _descriptor;
        }

        var unregistered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _loop.Post(
            _ =>
            {
                _loop.Unregister(_registration);
                unregistered.SetResult();
            },
            null);
        await unregistered.Task;
        return new DetachedConnection(descriptor, unread, _loop, localEndPoint: null, _remoteEndPoint, onDisposed: null);
    }

    protected override void Dispose(bool disposing)
    {
        lock (_lock)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
            if (_descriptor >= 0)
            {
                _ = SocketCalls.Close(_descriptor);
            }
        }

        // The kernel forgets the registration with the close; whoever waits finds the stream closed.
        _loop.PostWithoutHurry(static stream => ((EventLoopStream)stream!).Forget(), this);
        _readable.Set();
        _writable.Set();
        base.Dispose(disposing);
    }

    private void Forget() => _loop.Forget(_registration);

    private void Connect(EndPoint endPoint)
    {
        var address = NativeSocketAddress.ToBytes(endPoint).Span;
        lock (_lock)
        {
            if (_isClosed)
            {
                return;
            }

            var descriptor = OutgoingSocket.Create(NativeSocketAddress.Family(address), _loop.Descriptors);
            if (descriptor < 0)
            {
                FailConnect("socket", endPoint, -descriptor);
                return;
            }

            _descriptor = descriptor;
            var result = SocketCalls.Connect(descriptor, address);
            if (result < 0 && result != -Errno.EINPROGRESS)
            {
                FailConnect("connect", endPoint, -result);
                return;
            }

            _remoteEndPoint = endPoint;
            try
            {
                // A socket that is connected already is reported writable at once.
                _registration = _loop.Register(descriptor, Interest, this);
            }
            catch (SocketException exception)
            {
                Complete(exception);
            }
        }
    }

    private void FinishConnect()
    {
        int result;
        int error;
        lock (_lock)
        {
            if (_isClosed)
            {
                return;
            }

            result = SocketCalls.GetOption(_descriptor, SocketCalls.SOL_SOCKET, SocketCalls.SO_ERROR, out error);
        }

        if (result < 0 || error != 0)
        {
            FailConnect("connect", _remoteEndPoint!, result < 0 ? -result : error);
            return;
        }

        // Bytes may have come with the same event.
        _readable.Set();
        Complete(null);
    }

    private void FailConnect(string call, EndPoint endPoint, int errno) => Complete(Errno.ToException(call, endPoint.ToString()!, errno));

    private void Complete(SocketException? failure)
    {
        var connecting = _connecting!;
        _connecting = null;
        if (failure is not null)
        {
            Dispose();
        }

        _loop.RunApplication(
            _ =>
            {
                if (failure is null)
                {
                    connecting.TrySetResult(this);
                }
                else
                {
                    connecting.TrySetException(failure);
                }
            },
            null,
            isInline: false);
    }

    private int TryReceive(Span<byte> buffer)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            _readable.Reset();
            // An empty read waits for bytes without taking any.
            var received = (int)(buffer.IsEmpty ? SocketCalls.Peek(_descriptor) : SocketCalls.Receive(_descriptor, buffer));
            if (received != -Errno.EAGAIN && (received == buffer.Length || buffer.IsEmpty || _isEndSeen))
            {
                // There may be more, or the end, and no other event for it.
                _readable.Set();
            }

            return buffer.IsEmpty && received > 0 ? 0 : received;
        }
    }

    private int TrySend(ReadOnlySpan<byte> buffer)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            _writable.Reset();
            return (int)SocketCalls.Send(_descriptor, buffer);
        }
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
