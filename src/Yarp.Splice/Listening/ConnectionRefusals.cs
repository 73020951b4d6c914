using Microsoft.Extensions.Logging;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Listening;

/// <summary>Counts and logs the connections that are closed before they have a session, and decides about those whose address a route does not take.</summary>
internal sealed class ConnectionRefusals(SpliceMetrics metrics, SessionTable sessions, ILoggerFactory loggerFactory)
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(10);

    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);
    private readonly ThrottledNotice _sources = new(s_interval);
    private readonly ThrottledNotice _proxies = new(s_interval);
    private readonly ThrottledNotice _headers = new(s_interval);
    private readonly ThrottledNotice _headerTimeouts = new(s_interval);

    /// <summary>Whether the route takes clients with this address. If not, the connection is to be closed.</summary>
    public bool IsAdmitted(TcpRoute route, ClientFacts client)
    {
        if (route.Sources?.Admit(client.RemoteEndPoint) != false)
        {
            return true;
        }

        sessions.Refused(route, SpliceMetrics.SourceDenied, client);
        if (_sources.ShouldSay(route.RouteId, out var unsaid))
        {
            SpliceLog.SourceDenied(_logger, route.RouteId, client.RemoteEndPoint, unsaid);
        }

        return false;
    }

    /// <summary>A connection to a port with PROXY protocol headers came from an address that is not trusted to send one.</summary>
    public void ProxyUntrusted(TcpPort port, ClientFacts peer)
    {
        sessions.Refused(port, SpliceMetrics.ProxyUntrusted, peer);
        if (_proxies.ShouldSay(port.ToString(), out var unsaid))
        {
            SpliceLog.ProxyUntrusted(_logger, port, peer.RemoteEndPoint, unsaid);
        }
    }

    /// <summary>A trusted proxy has sent something else than a PROXY protocol header.</summary>
    public void ProxyHeaderMalformed(TcpPort port, ClientFacts peer)
    {
        sessions.Refused(port, SpliceMetrics.ProxyHeaderMalformed, peer);
        if (_headers.ShouldSay(port.ToString(), out var unsaid))
        {
            SpliceLog.ProxyHeaderMalformed(_logger, port, peer.RemoteEndPoint, unsaid);
        }
    }

    /// <summary>A trusted proxy has not sent a whole PROXY protocol header in time.</summary>
    public void ProxyHeaderTimedOut(TcpPort port, ClientFacts peer)
    {
        sessions.Refused(port, SpliceMetrics.ProxyHeaderTimeout, peer);
        if (_headerTimeouts.ShouldSay(port.ToString(), out var unsaid))
        {
            SpliceLog.ProxyHeaderTimedOut(_logger, port, peer.RemoteEndPoint, unsaid);
        }
    }

    /// <summary>A client has not sent a whole ClientHello in time.</summary>
    public void PrereadTimedOut(TcpPort port, ClientFacts client)
    {
        metrics.Preread(port, isAnswered: false, serverName: null);
        sessions.Refused(port, SpliceMetrics.PrereadTimeout, client);
        SpliceLog.PrereadTimedOut(_logger, port);
    }

    /// <summary>No route of the port takes what the client asks for.</summary>
    public void NoRoute(TcpPort port, ClientFacts client)
    {
        sessions.Refused(port, SpliceMetrics.NoRoute, client);
        SpliceLog.NoRoute(_logger, port, client.ServerName);
    }

    /// <summary>The port was closed before a client had sent what tells its route.</summary>
    public void PortClosed(TcpPort port, ClientFacts client)
    {
        sessions.Refused(port, SpliceMetrics.PortClosed, client);
        SpliceLog.ClosedInPreread(_logger, port);
    }
}
