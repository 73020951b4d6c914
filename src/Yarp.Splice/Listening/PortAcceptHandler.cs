using System.Net;
using Microsoft.Extensions.Logging;
using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Listening;

/// <summary>Hands the sockets of one port to the relay, at once or when their server name is known, on the loop that accepted them.</summary>
internal sealed class PortAcceptHandler(TcpPort port, TcpRoutes routes, IRelayEngine relay, SpliceMetrics metrics, ILogger logger) : IAcceptHandler
{
    private volatile bool _isClosed;

    public void OnAccepted(in AcceptedSocket socket)
    {
        if (routes.Current.Find(port) is { NeedsServerName: true } named)
        {
            new SocketPreread(this, socket.Loop, socket.Descriptor, socket.GetRemoteEndPoint()).Begin(named);
        }
        else
        {
            HandOver(socket.Loop, socket.Descriptor, default, socket.GetRemoteEndPoint(), null);
        }
    }

    /// <summary>On the event loop: a socket has sent what there is to know.</summary>
    public void OnPreread(SocketPreread socket, string? serverName) =>
        HandOver(socket.Loop, socket.Descriptor, socket.Bytes, socket.RemoteEndPoint, serverName);

    /// <summary>On the event loop: a socket has not sent a whole ClientHello in time.</summary>
    public void OnPrereadTimeout(SocketPreread socket)
    {
        _ = SocketCalls.Close(socket.Descriptor);
        metrics.Refused(port, SpliceMetrics.PrereadTimeout);
        SpliceLog.PrereadTimedOut(logger, port);
    }

    /// <summary>Lets no socket through any more whose name is not known yet.</summary>
    public void Close() => _isClosed = true;

    private void HandOver(EventLoop loop, int descriptor, ReadOnlyMemory<byte> prefix, EndPoint remoteEndPoint, string? serverName)
    {
        // As the routes are now: they may have changed since the socket was accepted.
        if (!_isClosed && routes.Current.Find(port)?.Find(serverName) is { } route)
        {
            // Asked for only if it is wanted: it is a system call.
            var local = route.ProxyProtocol == ProxyProtocolVersion.None ? null : GetLocalEndPoint(descriptor);
            relay.Start(route, loop, descriptor, ProxyHeader.Prepend(route.ProxyProtocol, remoteEndPoint, local, prefix), new ClientFacts(remoteEndPoint, serverName));
            return;
        }

        _ = SocketCalls.Close(descriptor);
        if (!_isClosed)
        {
            metrics.Refused(port, SpliceMetrics.NoRoute);
            SpliceLog.NoRoute(logger, port, serverName);
        }
    }

    private static EndPoint? GetLocalEndPoint(int descriptor)
    {
        Span<byte> address = stackalloc byte[NativeSocketAddress.MaxLength];
        return SocketCalls.GetSocketName(descriptor, address, out var length) < 0 ? null : NativeSocketAddress.ToEndPoint(address[..length]);
    }
}
