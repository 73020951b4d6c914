using System.Net;
using Microsoft.Extensions.Logging;
using Yarp.Splice.Routing;

namespace Yarp.Splice;

/// <summary>What the library logs, under the category <c>Yarp.Splice</c>. Ids below 100 belong to routes and ports, from 100 on to the relay.</summary>
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
}
