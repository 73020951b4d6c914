using System.Net;
using Microsoft.Extensions.Logging;
using Yarp.Splice.Routing;

namespace Yarp.Splice;

/// <content>Messages about connections that are refused for where they come from, or for how they begin: ids 140 to 149.</content>
internal static partial class SpliceLog
{
    [LoggerMessage(140, LogLevel.Information,
        "Route {RouteId}: a connection from {Client} was refused (Splice:AllowedSources, Splice:DeniedSources). " +
        "{Unsaid} more since the last such message.",
        EventName = "SourceDenied")]
    public static partial void SourceDenied(ILogger logger, string routeId, EndPoint? client, int unsaid);

    [LoggerMessage(141, LogLevel.Warning,
        "A connection from {Peer} to {Port} was refused: the port takes only connections with a PROXY protocol header, and AcceptProxyProtocol does " +
        "not list that address. {Unsaid} more since the last such message.",
        EventName = "ProxyUntrusted")]
    public static partial void ProxyUntrusted(ILogger logger, TcpPort port, EndPoint? peer, int unsaid);

    [LoggerMessage(142, LogLevel.Warning,
        "A connection from {Peer} to {Port} was refused: it did not begin with a PROXY protocol header of version 1 or 2, or the header was malformed. " +
        "{Unsaid} more since the last such message.",
        EventName = "ProxyHeaderMalformed")]
    public static partial void ProxyHeaderMalformed(ILogger logger, TcpPort port, EndPoint? peer, int unsaid);

    [LoggerMessage(143, LogLevel.Warning,
        "A connection from {Peer} to {Port} was closed: its PROXY protocol header was not whole within Splice:PrereadTimeout. " +
        "{Unsaid} more since the last such message.",
        EventName = "ProxyHeaderTimedOut")]
    public static partial void ProxyHeaderTimedOut(ILogger logger, TcpPort port, EndPoint? peer, int unsaid);
}
