using System.Net;
using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;
using Yarp.Splice.Tls;

namespace Yarp.Splice.Listening;

/// <summary>
/// Hands the sockets of one port to the relay, at once or when it is known whose they are, on the loop that accepted them. Those that it closes are
/// counted before: who sees the end of a connection finds it in the metrics.
/// </summary>
internal sealed class PortAcceptHandler(
    TcpPort port, TcpRoutes routes, IRelayEngine relay, SpliceMetrics metrics, ConnectionRefusals refusals, IReadOnlyList<EventLoop> loops) : IAcceptHandler
{
    /// <summary>The sockets whose route is not known yet.</summary>
    public WaitingSockets Waiting { get; } = new(loops);

    public void OnAccepted(in AcceptedSocket socket)
    {
        var remote = socket.GetRemoteEndPoint();
        var current = routes.Current.Find(port);
        if (current?.TrustedProxies is { } trusted && !trusted.Contains(remote))
        {
            refusals.ProxyUntrusted(port, new ClientFacts(remote));
            _ = SocketCalls.Close(socket.Descriptor);
        }
        else if (current is { NeedsClientHello: true } or { TrustedProxies: not null })
        {
            new SocketPreread(this, socket.Loop, socket.Descriptor, remote).Begin(current);
        }
        else
        {
            HandOver(socket.Loop, socket.Descriptor, default, new ClientFacts(remote), protocols: null);
        }
    }

    /// <summary>On the event loop: a socket has sent what there is to know.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="hello">What it asks for; <see langword="null"/> if that was not looked at.</param>
    public void OnPreread(SocketPreread socket, ClientHello? hello)
    {
        if (hello is not null)
        {
            metrics.Preread(port, isAnswered: true, hello.Value.ServerName);
        }

        HandOver(socket.Loop, socket.Descriptor, socket.Bytes, socket.Client with { ServerName = hello?.ServerName }, hello?.Protocols);
    }

    /// <summary>On the event loop: a socket has failed before it had sent that.</summary>
    public void OnPrereadFailed() => metrics.PrereadFailed(port);

    /// <summary>On the event loop: a socket has not sent what there is to know in time.</summary>
    public void OnPrereadTimeout(SocketPreread socket)
    {
        if (socket.AwaitsHeader)
        {
            refusals.ProxyHeaderTimedOut(port, socket.Client);
        }
        else
        {
            refusals.PrereadTimedOut(port, socket.Client);
        }

        _ = SocketCalls.Close(socket.Descriptor);
    }

    /// <summary>On the event loop: a socket has not sent a PROXY protocol header as it should.</summary>
    public void OnHeaderMalformed(SocketPreread socket)
    {
        refusals.ProxyHeaderMalformed(port, socket.Client);
        _ = SocketCalls.Close(socket.Descriptor);
    }

    /// <summary>On the event loop: the port was closed before a socket had sent what tells its route.</summary>
    public void OnClosedInPreread(SocketPreread socket)
    {
        refusals.PortClosed(port, socket.Client);
        _ = SocketCalls.Close(socket.Descriptor);
    }

    private void HandOver(EventLoop loop, int descriptor, ReadOnlyMemory<byte> prefix, ClientFacts client, IReadOnlyList<string>? protocols)
    {
        // As the routes are now: they may have changed since the socket was accepted.
        var route = routes.Current.Find(port)?.Find(client.ServerName, protocols);
        if (route is null)
        {
            refusals.NoRoute(port, client);
            _ = SocketCalls.Close(descriptor);
        }
        else if (!refusals.IsAdmitted(route, client))
        {
            _ = SocketCalls.Close(descriptor);
        }
        else
        {
            // Asked for only if it is wanted, as it is a system call, and not if a PROXY protocol header has told what the client connected to.
            var local = client.LocalEndPoint ?? (route.ProxyProtocol == ProxyProtocolVersion.None ? null : GetLocalEndPoint(descriptor));
            prefix = ProxyHeader.Prepend(route.ProxyProtocol, client.RemoteEndPoint, local, prefix);
            relay.Start(route, loop, descriptor, prefix, client with { LocalEndPoint = local });
        }
    }

    private static EndPoint? GetLocalEndPoint(int descriptor)
    {
        Span<byte> address = stackalloc byte[NativeSocketAddress.MaxLength];
        return SocketCalls.GetSocketName(descriptor, address, out var length) < 0 ? null : NativeSocketAddress.ToEndPoint(address[..length]);
    }
}
