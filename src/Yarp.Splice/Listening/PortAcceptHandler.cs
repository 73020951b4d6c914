using System.Net;
using Microsoft.Extensions.Logging;
using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Listening;

/// <summary>Hands the sockets of one port to the relay, at once or when their server name is known, on the loop that accepted them.</summary>
internal sealed class PortAcceptHandler(
    TcpPort port, TcpRoutes routes, IRelayEngine relay, SpliceMetrics metrics, SessionTable sessions, ILogger logger) : IAcceptHandler
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
            HandOver(socket.Loop, socket.Descriptor, default, new ClientFacts(socket.GetRemoteEndPoint()));
        }
    }

    /// <summary>On the event loop: a socket has sent what there is to know.</summary>
    public void OnPreread(SocketPreread socket, string? serverName)
    {
        metrics.Preread(port, isAnswered: true, serverName);
        HandOver(socket.Loop, socket.Descriptor, socket.Bytes, socket.Client with { ServerName = serverName });
    }

    /// <summary>On the event loop: a socket has failed before it had sent that.</summary>
    public void OnPrereadFailed() => metrics.PrereadFailed(port);

    /// <summary>On the event loop: a socket has not sent a whole ClientHello in time.</summary>
    public void OnPrereadTimeout(SocketPreread socket)
    {
        _ = SocketCalls.Close(socket.Descriptor);
        metrics.Preread(port, isAnswered: false, serverName: null);
        sessions.Refused(port, SpliceMetrics.PrereadTimeout, socket.Client);
        SpliceLog.PrereadTimedOut(logger, port);
    }

    /// <summary>Lets no socket through any more whose name is not known yet.</summary>
    public void Close() => _isClosed = true;

    private void HandOver(EventLoop loop, int descriptor, ReadOnlyMemory<byte> prefix, ClientFacts client)
    {
        // As the routes are now: they may have changed since the socket was accepted.
        if (!_isClosed && routes.Current.Find(port)?.Find(client.ServerName) is { } route)
        {
            // Asked for only if it is wanted: it is a system call.
            var local = route.ProxyProtocol == ProxyProtocolVersion.None ? null : GetLocalEndPoint(descriptor);
            prefix = ProxyHeader.Prepend(route.ProxyProtocol, client.RemoteEndPoint, local, prefix);
            relay.Start(route, loop, descriptor, prefix, client with { LocalEndPoint = local });
            return;
        }

        _ = SocketCalls.Close(descriptor);
        if (!_isClosed)
        {
            sessions.Refused(port, SpliceMetrics.NoRoute, client);
            SpliceLog.NoRoute(logger, port, client.ServerName);
        }
    }

    private static EndPoint? GetLocalEndPoint(int descriptor)
    {
        Span<byte> address = stackalloc byte[NativeSocketAddress.MaxLength];
        return SocketCalls.GetSocketName(descriptor, address, out var length) < 0 ? null : NativeSocketAddress.ToEndPoint(address[..length]);
    }
}
