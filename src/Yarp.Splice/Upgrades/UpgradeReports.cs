using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Upgrades;

/// <summary>What is logged and counted of upgrades.</summary>
internal sealed class UpgradeReports(SpliceMetrics metrics, ILoggerFactory loggerFactory)
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);
    private readonly ThrottledNotice _refusals = new(TimeSpan.FromSeconds(10));
    private readonly ConcurrentDictionary<(string Route, string Obstacle), bool> _said = new();

    public void Relayed(TcpRoute route, string protocol) => SpliceLog.UpgradeRelayed(_logger, route.RouteId, protocol, route.Mode);

    public void TargetRefused(TcpRoute route, string target)
    {
        metrics.Refused(route.RouteId, "connect_target");
        if (_refusals.ShouldSay(route.RouteId, out var unsaid))
        {
            SpliceLog.ConnectRefused(_logger, route.RouteId, target, unsaid);
        }
    }

    public void TargetFailed(TcpRoute route, ConnectTarget target, string reason)
    {
        metrics.ConnectFailed(route.RouteId, route.ClusterId, target.ToString(), reason);
        SpliceLog.ConnectTargetFailed(_logger, route.RouteId, target, reason);
    }

    public void CannotTunnel(TcpRoute route)
    {
        metrics.Refused(route.RouteId, "connect_not_possible");
        if (_said.TryAdd((route.RouteId, nameof(CannotTunnel)), true))
        {
            SpliceLog.CannotTunnel(_logger, route.RouteId);
        }
    }

    /// <summary>Counts each time, says it once for each reason.</summary>
    public void StaysManaged(TcpRoute route, string obstacle)
    {
        metrics.Fallback(route.RouteId, route.Mode.ToString(), nameof(PathKind.Managed), obstacle);
        if (_said.TryAdd((route.RouteId, obstacle), true))
        {
            SpliceLog.UpgradeStaysManaged(_logger, route.RouteId, obstacle);
        }
    }
}
