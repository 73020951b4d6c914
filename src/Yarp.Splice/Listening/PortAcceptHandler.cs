using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;
using Yarp.Splice.Tls;

namespace Yarp.Splice.Listening;

/// <summary>
/// Hands the sockets of one port to the relay, at once or when it is known whose they are, on the loop that accepted them. Those that it closes are
/// counted before: who sees the end of a connection finds it in the metrics.
/// </summary>
internal sealed class PortAcceptHandler(
    TcpPort port, TcpRoutes routes, IRelayEngine relay, SpliceMetrics metrics, ConnectionRefusals refusals, SessionTable sessions,
    IReadOnlyList<EventLoop> loops) : IAcceptHandler
{
    /// <summary>The sockets whose route is not known yet.</summary>
    public WaitingSockets Waiting { get; } = new(loops);

    public void OnAccepted(in AcceptedSocket socket)
    {
        var remote = socket.GetRemoteEndPoint();
        var current = routes.Current.Find(port);
        if (current?.TrustedProxies is { } trusted && !trusted.Contains(remote))
        {
            Refuse(refusals.ProxyUntrusted, socket.Descriptor, new ClientFacts(remote));
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
    public void OnPrereadTimeout(SocketPreread socket) =>
        Refuse(socket.AwaitsHeader ? refusals.ProxyHeaderTimedOut : refusals.PrereadTimedOut, socket.Descriptor, socket.Client);

    /// <summary>On the event loop: a socket has not sent a PROXY protocol header as it should.</summary>
    public void OnHeaderMalformed(SocketPreread socket) => Refuse(refusals.ProxyHeaderMalformed, socket.Descriptor, socket.Client);

    /// <summary>On the event loop: the port was closed before a socket had sent what tells its route.</summary>
    public void OnClosedInPreread(SocketPreread socket) => Refuse(refusals.PortClosed, socket.Descriptor, socket.Client);

    private void HandOver(EventLoop loop, int descriptor, ReadOnlyMemory<byte> prefix, ClientFacts client, IReadOnlyList<string>? protocols)
    {
        // As the routes are now: they may have changed since the socket was accepted.
        var route = routes.Current.Find(port)?.Find(client.ServerName, protocols);
        if (route is null)
        {
            Refuse(refusals.NoRoute, descriptor, client);
            return;
        }

        client = route.ProxyProtocol == ProxyProtocolVersion.None ? LocateForRecord(client, descriptor) : client.Locate(descriptor);
        if (!refusals.IsAdmitted(route, client))
        {
            _ = SocketCalls.Close(descriptor);
            return;
        }

        prefix = ProxyHeader.Prepend(route.ProxyProtocol, client.RemoteEndPoint, client.LocalEndPoint, prefix);
        relay.Start(route, loop, descriptor, prefix, client);
    }

    private void Refuse(Action<TcpPort, ClientFacts> report, int descriptor, ClientFacts client)
    {
        report(port, LocateForRecord(client, descriptor));
        _ = SocketCalls.Close(descriptor);
    }

    /// <summary>A system call, for those only who read the record of the connection's end.</summary>
    private ClientFacts LocateForRecord(ClientFacts client, int descriptor) => sessions.IsObserved ? client.Locate(descriptor) : client;
}
