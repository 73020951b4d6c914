using System.Net;
using Transport.Linux.Interop;

namespace Transport.Linux;

/// <summary>A socket that a <see cref="SocketListener"/> has just accepted: non-blocking, close-on-exec, not yet registered with the loop.</summary>
public readonly ref struct AcceptedSocket
{
    private readonly ReadOnlySpan<byte> _remoteAddress;
    private readonly EndPoint _listeningEndPoint;

    internal AcceptedSocket(EventLoop loop, int descriptor, ReadOnlySpan<byte> remoteAddress, EndPoint listeningEndPoint)
    {
        Loop = loop;
        Descriptor = descriptor;
        _remoteAddress = remoteAddress;
        _listeningEndPoint = listeningEndPoint;
    }

    /// <summary>The loop that accepted the socket, on whose thread the handler runs.</summary>
    public EventLoop Loop { get; }

    /// <summary>The descriptor. The handler owns it and must close it.</summary>
    public int Descriptor { get; }

    /// <summary>The peer's address.</summary>
    /// <returns>A new endpoint object.</returns>
    public EndPoint GetRemoteEndPoint() => NativeSocketAddress.ToEndPoint(_remoteAddress);

    /// <summary>The address that the peer connected to. Costs a getsockname(2) if the listener is bound to a wildcard address.</summary>
    /// <returns>The listener's own endpoint object, or a new one.</returns>
    public EndPoint GetLocalEndPoint()
    {
        if (_listeningEndPoint is not IPEndPoint listening ||
            !(listening.Address.Equals(IPAddress.Any) || listening.Address.Equals(IPAddress.IPv6Any)))
        {
            return _listeningEndPoint;
        }

        Span<byte> address = stackalloc byte[NativeSocketAddress.MaxLength];
        return SocketCalls.GetSocketName(Descriptor, address, out var length) < 0
            ? _listeningEndPoint
            : NativeSocketAddress.ToEndPoint(address[..length]);
    }
}
