using System.Net;
using Microsoft.Extensions.Logging;
using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Routing;
using Yarp.Splice.Upgrades;

namespace Yarp.Splice;

/// <summary>What the library logs, under the category <c>Yarp.Splice</c>. Ids below 100 belong to routes and ports, from 100 on to the relay.</summary>
/// <remarks>
/// One file: the generator of these methods takes the parts of a class in an order that changes from build to build, and with it the assembly.
/// </remarks>
internal static partial class SpliceLog
{
    public const string Category = "Yarp.Splice";

    [LoggerMessage(1, LogLevel.Information, "Route {RouteId} listens on {EndPoint} ({Mode}).", EventName = "PortOpened")]
    public static partial void PortOpened(ILogger logger, string routeId, EndPoint endPoint, SpliceMode mode);

    [LoggerMessage(2, LogLevel.Information, "Route {RouteId} listens on {Port}, a port of Kestrel's, and takes its connections ({Mode}).",
        EventName = "PortTaken")]
    public static partial void PortTaken(ILogger logger, string routeId, string port, SpliceMode mode);

    [LoggerMessage(3, LogLevel.Information, "Port {EndPoint} is closed; its sessions go on.", EventName = "PortClosed")]
    public static partial void PortClosed(ILogger logger, EndPoint endPoint);

    [LoggerMessage(4, LogLevel.Error, "{Mistake} It is tried again every second; the other routes keep running.", EventName = "PortFailed")]
    public static partial void PortFailed(ILogger logger, string mistake);

    [LoggerMessage(5, LogLevel.Error, "The new configuration is not applied, the running one is kept: {Mistake}", EventName = "ReloadRefused")]
    public static partial void ReloadRefused(ILogger logger, string mistake);

    [LoggerMessage(6, LogLevel.Error, "Not served: {Mistake}", EventName = "RouteUnusable")]
    public static partial void RouteUnusable(ILogger logger, string mistake);

    [LoggerMessage(7, LogLevel.Error, "Route {RouteId} does not get {Claim}, because route {KeptRouteId} has {KeptClaim}.", EventName = "PortConflict")]
    public static partial void PortConflict(ILogger logger, string routeId, string claim, string keptRouteId, string keptClaim);

    [LoggerMessage(8, LogLevel.Error, "Not used: the address of destination {DestinationId} {Mistake}", EventName = "DestinationUnusable")]
    public static partial void DestinationUnusable(ILogger logger, string destinationId, string mistake);

    [LoggerMessage(9, LogLevel.Error, "Load-balancing policy {Policy} of cluster {ClusterId} threw for route {RouteId}.", EventName = "PolicyFailed")]
    public static partial void PolicyFailed(ILogger logger, string policy, string clusterId, string routeId, Exception exception);

    [LoggerMessage(10, LogLevel.Warning, "{Count} sessions were still open when the stop could wait no longer (ShutdownTimeout, or a second signal), and were reset.", EventName = "SessionsCut")]
    public static partial void SessionsCut(ILogger logger, int count);

    [LoggerMessage(11, LogLevel.Debug, "A connection to route {RouteId} ended before it could be detached.", EventName = "DetachFailed")]
    public static partial void DetachFailed(ILogger logger, string routeId, Exception exception);

    [LoggerMessage(12, LogLevel.Error, "Ports could not be brought in line with the configuration.", EventName = "ReconcileFailed")]
    public static partial void ReconcileFailed(ILogger logger, Exception exception);

    [LoggerMessage(13, LogLevel.Error, "Accepting on {EndPoint} ended.", EventName = "AcceptFailed")]
    public static partial void AcceptFailed(ILogger logger, EndPoint endPoint, Exception exception);

    [LoggerMessage(14, LogLevel.Debug,
        "Route {RouteId}: connecting to destination {DestinationId} at {Address} failed: {Reason}", EventName = "ManagedConnectFailed")]
    public static partial void ManagedConnectFailed(ILogger logger, string routeId, string destinationId, string address, string reason);

    [LoggerMessage(15, LogLevel.Debug,
        "Route {RouteId}: session ended ({Outcome}), {BytesToUpstream} bytes to the upstream, {BytesToClient} to the client.",
        EventName = "ManagedSessionEnded")]
    public static partial void ManagedSessionEnded(ILogger logger, string routeId, string outcome, long bytesToUpstream, long bytesToClient);

    [LoggerMessage(16, LogLevel.Information, "Route {RouteId} takes {Claim} of Kestrel's ({Mode}).", EventName = "NameTaken")]
    public static partial void NameTaken(ILogger logger, string routeId, string claim, SpliceMode mode);

    [LoggerMessage(17, LogLevel.Debug,
        "A connection to {Port} was closed: it sent no ClientHello within Splice:PrereadTimeout.", EventName = "PrereadTimedOut")]
    public static partial void PrereadTimedOut(ILogger logger, TcpPort port);

    [LoggerMessage(18, LogLevel.Debug, "A connection to {Port} was closed: no route takes the server name {ServerName}.", EventName = "NoRoute")]
    public static partial void NoRoute(ILogger logger, TcpPort port, string? serverName);

    [LoggerMessage(19, LogLevel.Debug, "A connection to {Port} failed before its ClientHello was read.", EventName = "PrereadFailed")]
    public static partial void PrereadFailed(ILogger logger, TcpPort port, Exception exception);

    [LoggerMessage(174, LogLevel.Debug, "A connection to {Port} was closed: the port was closed before its ClientHello had come.",
        EventName = "ClosedInPreread")]
    public static partial void ClosedInPreread(ILogger logger, TcpPort port);

    [LoggerMessage(175, LogLevel.Warning,
        "Route {RouteId} was removed {DrainTimeout} ago (Splice:DrainTimeout): {Count} sessions were still open and were reset.",
        EventName = "LeftoversCut")]
    public static partial void LeftoversCut(ILogger logger, string routeId, TimeSpan drainTimeout, int count);

    [LoggerMessage(176, LogLevel.Warning,
        "Destination {DestinationId} of cluster {ClusterId} was removed or has another address: {Count} sessions were reset " +
        "(Splice:OnDestinationRemoved).",
        EventName = "DestinationRemoved")]
    public static partial void DestinationRemoved(ILogger logger, string? destinationId, string clusterId, int count);

    [LoggerMessage(177, LogLevel.Information, "Port {EndPoint} is closed, because Kestrel is to listen there; its sessions go on.", EventName = "PortYielded")]
    public static partial void PortYielded(ILogger logger, EndPoint endPoint);

    // The relay's messages: ids from 100 on.

    [LoggerMessage(100, LogLevel.Debug, "Route {Route}: session connected to {Destination}, path {Path}.", EventName = "SessionConnected")]
    public static partial void SessionConnected(ILogger logger, string route, string destination, string path);

    [LoggerMessage(101, LogLevel.Debug,
        "Route {Route}: session ended, {Outcome}; {BytesToUpstream} bytes to the destination, {BytesToClient} to the client, {DurationMs} ms.",
        EventName = "SessionEnded")]
    public static partial void SessionEnded(
        ILogger logger, string route, string outcome, long bytesToUpstream, long bytesToClient, long durationMs);

    [LoggerMessage(102, LogLevel.Debug, "Route {Route}: cannot connect to {Destination}: {Reason}.", EventName = "ConnectFailed")]
    public static partial void ConnectFailed(ILogger logger, string route, string destination, string reason);

    [LoggerMessage(103, LogLevel.Warning,
        "Route {Route}: a client was turned away after {Attempts} attempts to connect; the last failure was {Reason}. " +
        "{Unsaid} more since the last such message.",
        EventName = "GaveUp")]
    public static partial void GaveUp(ILogger logger, string route, int attempts, string reason, int unsaid);

    [LoggerMessage(104, LogLevel.Warning, "Route {Route}: mode {Requested} runs as {Effective}: {Reason}.", EventName = "FellBack")]
    public static partial void FellBack(ILogger logger, string route, SpliceMode requested, SpliceMode effective, string reason);

    [LoggerMessage(106, LogLevel.Information, "Mode Sockmap runs in its {Form} form: {Reason}.", EventName = "SockmapLoaded")]
    public static partial void SockmapLoaded(ILogger logger, SockmapForm form, string reason);

    [LoggerMessage(107, LogLevel.Error,
        "Route {Route}: a session was reset because the kernel did not relay its bytes exactly once ({Failure}). " +
        "{Unsaid} more since the last such message.",
        EventName = "Damaged")]
    public static partial void Damaged(ILogger logger, string route, SockmapFailure failure, int unsaid);

    [LoggerMessage(120, LogLevel.Warning,
        "Route {Route}: interactive sessions will notice pauses in spite of Splice:PauseImmune: {Reason}.", EventName = "NotImmune")]
    public static partial void NotImmune(ILogger logger, string route, string reason);

    [LoggerMessage(105, LogLevel.Warning,
        "Route {Route}: a connection was turned away: {Reason}. {Unsaid} more since the last such message.",
        EventName = "LimitReached")]
    public static partial void LimitReached(ILogger logger, string route, string reason, int unsaid);

    // Messages about connections that are refused for where they come from, or for how they begin: ids 140 to 149.

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

    // The health of destinations: ids from 150 to 159.

    [LoggerMessage(150, LogLevel.Warning, "Cluster {Cluster}: destination {Destination} is unhealthy and gets no new sessions.",
        EventName = "DestinationUnhealthy")]
    public static partial void DestinationUnhealthy(ILogger logger, string cluster, string destination);

    [LoggerMessage(151, LogLevel.Information, "Cluster {Cluster}: destination {Destination} gets new sessions again.", EventName = "DestinationHealthy")]
    public static partial void DestinationHealthy(ILogger logger, string cluster, string destination);

    [LoggerMessage(152, LogLevel.Warning, "Cluster {Cluster}: every destination is unhealthy; {Consequence} (AvailableDestinationsPolicy).",
        EventName = "AllUnhealthy")]
    public static partial void AllUnhealthy(ILogger logger, string cluster, string consequence);

    [LoggerMessage(153, LogLevel.Warning,
        "Cluster {Cluster}: {Count} sessions of destination {Destination} were reset because it is unhealthy (Splice.OnUnhealthy).",
        EventName = "UnhealthyCut")]
    public static partial void UnhealthyCut(ILogger logger, string cluster, string destination, int count);

    [LoggerMessage(154, LogLevel.Error, "Passive health policy {Policy} of cluster {Cluster} threw.", EventName = "PassivePolicyFailed")]
    public static partial void PassivePolicyFailed(ILogger logger, string policy, string cluster, Exception exception);

    // Messages of connections that stop being HTTP: ids 180 to 189.

    [LoggerMessage(180, LogLevel.Debug, "Route {Route}: a connection has become {Protocol} and is relayed ({Mode}).", EventName = "UpgradeRelayed")]
    public static partial void UpgradeRelayed(ILogger logger, string route, string protocol, SpliceMode mode);

    [LoggerMessage(181, LogLevel.Information, "Route {Route}: upgraded connections are copied by YARP where {Obstacle}.", EventName = "UpgradeStaysManaged")]
    public static partial void UpgradeStaysManaged(ILogger logger, string route, string obstacle);

    [LoggerMessage(182, LogLevel.Warning,
        "Route {Route}: CONNECT to {Target} was refused, because Splice:Connect does not allow it. {Unsaid} more since the last such message.",
        EventName = "ConnectRefused")]
    public static partial void ConnectRefused(ILogger logger, string route, string target, int unsaid);

    [LoggerMessage(183, LogLevel.Debug, "Route {Route}: cannot connect to {Target}: {Reason}.", EventName = "ConnectTargetFailed")]
    public static partial void ConnectTargetFailed(ILogger logger, string route, ConnectTarget target, string reason);

    [LoggerMessage(184, LogLevel.Warning,
        "Route {Route}: CONNECT is answered 501 where the client speaks HTTP/2 or TLS, or its connection is not on an event loop.", EventName = "CannotTunnel")]
    public static partial void CannotTunnel(ILogger logger, string route);
}
