using Microsoft.Extensions.Logging;
using Yarp.Splice.Upgrades;

namespace Yarp.Splice;

/// <content>Messages of connections that stop being HTTP: ids 180 to 189.</content>
internal static partial class SpliceLog
{
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
