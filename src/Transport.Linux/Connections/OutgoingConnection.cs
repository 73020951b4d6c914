using System.Net;
using System.Net.Sockets;
using Transport.Linux.Descriptors;
using Transport.Linux.Interop;

namespace Transport.Linux.Connections;

/// <summary>
/// The socket beneath an <see cref="EventLoopStream"/>, and all of it that the event loop holds. The lock keeps a close from coming into a system
/// call of another thread.
/// </summary>
internal sealed class OutgoingConnection(EventLoop loop) : IReadinessHandler
{
    private const Readiness Interest = Readiness.Readable | Readiness.Writable | Readiness.ReadHangUp;

    private readonly Lock _lock = new();

    private TaskCompletionSource? _connecting = new();
    private EndPoint? _remoteEndPoint;
    private EventRegistration _registration;
    private int _descriptor = -1;
    private bool _isClosed;
    private volatile bool _isEndSeen;

    public ReadinessSignal Readable { get; } = new(loop);

    public ReadinessSignal Writable { get; } = new(loop);

    /// <summary>Connects. If it fails, there may be something to close.</summary>
    /// <exception cref="SocketException">The kernel, or the peer, refused.</exception>
    public async Task ConnectAsync(EndPoint endPoint, CancellationToken cancellationToken)
    {
        var connecting = _connecting!;
        loop.Post(_ => Connect(endPoint), null);
        using var registration = cancellationToken.UnsafeRegister(
            static (connecting, token) => ((TaskCompletionSource)connecting!).TrySetCanceled(token), connecting);
        await connecting.Task;
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
            Readable.Set();
        }

        if ((readiness & (Readiness.Writable | Readiness.HangUp | Readiness.Error)) != 0)
        {
            Writable.Set();
        }
    }

    /// <summary>Receives what is there. An empty buffer takes nothing, and gives 0 if there is something.</summary>
    /// <returns>The count of bytes, 0 at the end, or the negative error number.</returns>
    /// <exception cref="ObjectDisposedException">The connection is closed or detached.</exception>
    public int TryReceive(Span<byte> buffer)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(EventLoopStream));
            Readable.Reset();
            // An empty read waits for bytes without taking any.
            var received = (int)(buffer.IsEmpty ? SocketCalls.Peek(_descriptor) : SocketCalls.Receive(_descriptor, buffer));
            if (received != -Errno.EAGAIN && (received == buffer.Length || buffer.IsEmpty || _isEndSeen))
            {
                // There may be more, or the end, and no other event for it.
                Readable.Set();
            }

            return buffer.IsEmpty && received > 0 ? 0 : received;
        }
    }

    /// <summary>Sends as much as the kernel takes.</summary>
    /// <returns>The count of bytes, or the negative error number.</returns>
    /// <exception cref="ObjectDisposedException">The connection is closed or detached.</exception>
    public int TrySend(ReadOnlySpan<byte> buffer)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(EventLoopStream));
            Writable.Reset();
            return (int)SocketCalls.Send(_descriptor, buffer);
        }
    }

    /// <summary>Gives the descriptor away: from now on the connection is as good as closed. What was received before comes first.</summary>
    /// <exception cref="ObjectDisposedException">The connection is closed, or was detached before.</exception>
    public async Task<DetachedConnection> DetachAsync(ReadOnlyMemory<byte> unread)
    {
        int descriptor;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(EventLoopStream));
            _isClosed = true;
            descriptor = _descriptor;
        }

        var unregistered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(
            _ =>
            {
                loop.Unregister(_registration);
                unregistered.SetResult();
            },
            null);
        await unregistered.Task;
        return new DetachedConnection(descriptor, unread, loop, localEndPoint: null, _remoteEndPoint, onDisposed: null);
    }

    /// <summary>Closes the socket, unless it is closed or detached already. Wakes nobody. Callable on any thread, a finalizer's too, and after the loop's end.</summary>
    public void Close()
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

        // The kernel forgets the registration with the close. The loop may do so later, even if the descriptor's number has a new meaning by then: it
        // tells registrations by their keys.
        loop.PostWithoutHurry(static connection => ((OutgoingConnection)connection!).Forget(), this);
    }

    private void Forget() => loop.Forget(_registration);

    private void Connect(EndPoint endPoint)
    {
        var address = NativeSocketAddress.ToBytes(endPoint).Span;
        lock (_lock)
        {
            if (_isClosed)
            {
                return;
            }

            var descriptor = OutgoingSocket.Create(NativeSocketAddress.Family(address), loop.Descriptors);
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
                _registration = loop.Register(descriptor, Interest, this);
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
        Readable.Set();
        Complete(null);
    }

    private void FailConnect(string call, EndPoint endPoint, int errno) => Complete(Errno.ToException(call, endPoint.ToString()!, errno));

    private void Complete(SocketException? failure)
    {
        var connecting = _connecting!;
        _connecting = null;
        loop.RunApplication(
            _ =>
            {
                if (failure is null)
                {
                    connecting.TrySetResult();
                }
                else
                {
                    connecting.TrySetException(failure);
                }
            },
            null,
            isInline: false);
    }
}
