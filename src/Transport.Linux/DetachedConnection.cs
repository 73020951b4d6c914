using System.Net;
using Transport.Linux.Interop;

namespace Transport.Linux;

/// <summary>
/// A connection that has left Kestrel, or the HTTP client that opened it: its descriptor, the bytes that were received but not consumed, and
/// its event loop. The transport never touches the descriptor again.
/// </summary>
/// <remarks>Disposing it tells Kestrel that the connection has ended, and closes the descriptor unless <see cref="TakeDescriptor"/> was
/// called.</remarks>
public sealed class DetachedConnection : IDisposable
{
    private readonly Action? _onDisposed;
    private int _descriptor;

    internal DetachedConnection(
        int descriptor, ReadOnlyMemory<byte> unreadBytes, EventLoop loop, EndPoint? localEndPoint, EndPoint? remoteEndPoint, Action? onDisposed)
    {
        _onDisposed = onDisposed;
        _descriptor = descriptor;
        UnreadBytes = unreadBytes;
        Loop = loop;
        LocalEndPoint = localEndPoint;
        RemoteEndPoint = remoteEndPoint;
    }

    /// <summary>What was received but not consumed before the connection was detached, in order. Bytes still in the kernel come after these.</summary>
    public ReadOnlyMemory<byte> UnreadBytes { get; }

    /// <summary>The event loop that accepted or opened the connection. The descriptor is no longer registered with it.</summary>
    public EventLoop Loop { get; }

    /// <summary>The address that the peer connected to; <see langword="null"/> for an outgoing connection.</summary>
    public EndPoint? LocalEndPoint { get; }

    /// <summary>The peer's address.</summary>
    public EndPoint? RemoteEndPoint { get; }

    /// <summary>Takes the non-blocking descriptor over; the caller must close it.</summary>
    /// <returns>The descriptor.</returns>
    /// <exception cref="InvalidOperationException">It was taken before, or the connection is disposed.</exception>
    public int TakeDescriptor()
    {
        var descriptor = Interlocked.Exchange(ref _descriptor, -1);
        return descriptor >= 0
            ? descriptor
            : throw new InvalidOperationException("The descriptor of this connection was taken or closed before.");
    }

    /// <summary>Closes the descriptor if nobody took it, and ends the connection in Kestrel's eyes.</summary>
    public void Dispose()
    {
        var descriptor = Interlocked.Exchange(ref _descriptor, -1);
        if (descriptor >= 0)
        {
            _ = SocketCalls.Close(descriptor);
        }

        _onDisposed?.Invoke();
    }
}
