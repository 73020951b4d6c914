using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Health;

/// <summary>
/// Stands before YARP's own updater, which hears of every change of health: says what changed for the clusters of TCP routes, and cuts the sessions
/// of what became unhealthy where the cluster asks for it.
/// </summary>
internal sealed class DestinationHealthWatch : IClusterDestinationsUpdater
{
    private readonly IClusterDestinationsUpdater _inner;
    private readonly IServiceProvider _services;
    private readonly ILogger _logger;
    private readonly ConditionalWeakTable<ClusterState, HashSet<DestinationState>> _unhealthy = [];

    public DestinationHealthWatch(IClusterDestinationsUpdater inner, IServiceProvider services, SpliceMetrics metrics, ILoggerFactory loggerFactory)
    {
        _inner = inner;
        // What is asked of it depends on YARP's state, which depends on this.
        _services = services;
        _logger = loggerFactory.CreateLogger(SpliceLog.Category);
        metrics.ObserveHealth(Measure);
    }

    public void UpdateAvailableDestinations(ClusterState cluster)
    {
        _inner.UpdateAvailableDestinations(cluster);
        Compare(cluster);
    }

    public void UpdateAllDestinations(ClusterState cluster)
    {
        _inner.UpdateAllDestinations(cluster);
        Compare(cluster);
    }

    private static bool IsHealthy(ClusterConfig cluster, DestinationState destination) =>
        !(cluster.HealthCheck?.Active?.Enabled == true && destination.Health.Active == DestinationHealth.Unhealthy) &&
        !(cluster.HealthCheck?.Passive?.Enabled == true && destination.Health.Passive == DestinationHealth.Unhealthy);

    private void Compare(ClusterState cluster)
    {
        var unhealthy = _unhealthy.GetOrCreateValue(cluster);
        lock (unhealthy)
        {
            var all = cluster.DestinationsState.AllDestinations;
            unhealthy.IntersectWith(all);
            var config = cluster.Model.Config;
            var isTcp = IsTcp(cluster.ClusterId);
            var before = unhealthy.Count;
            foreach (var destination in all)
            {
                if (IsHealthy(config, destination))
                {
                    if (unhealthy.Remove(destination) && isTcp)
                    {
                        SpliceLog.DestinationHealthy(_logger, cluster.ClusterId, destination.DestinationId);
                    }
                }
                else if (unhealthy.Add(destination) && isTcp)
                {
                    SpliceLog.DestinationUnhealthy(_logger, cluster.ClusterId, destination.DestinationId);
                    CutSessions(cluster, destination);
                }
            }

            if (isTcp && unhealthy.Count > before && unhealthy.Count == all.Count)
            {
                SpliceLog.AllUnhealthy(_logger, cluster.ClusterId, cluster.DestinationsState.AvailableDestinations.Count > 0
                    ? "new sessions go to all of them" : "new connections are closed");
            }
        }
    }

    private void CutSessions(ClusterState cluster, DestinationState destination)
    {
        if (ClusterHealthSettings.Read(cluster.Model.Config, []).OnUnhealthy == SessionFate.Cut)
        {
            var count = _services.GetRequiredService<SessionTable>().CutUnhealthy(cluster.ClusterId, destination.DestinationId);
            SpliceLog.UnhealthyCut(_logger, cluster.ClusterId, destination.DestinationId, count);
        }
    }

    private bool IsTcp(string clusterId) => _services.GetRequiredService<TcpRoutes>().Current.Routes
        .Any(route => route.ClusterId.Equals(clusterId, StringComparison.OrdinalIgnoreCase));

    private IEnumerable<Measurement<int>> Measure()
    {
        foreach (var cluster in _services.GetRequiredService<IProxyStateLookup>().GetClusters())
        {
            if (IsTcp(cluster.ClusterId))
            {
                foreach (var destination in cluster.DestinationsState.AllDestinations)
                {
                    yield return SpliceMetrics.HealthOf(
                        cluster.ClusterId, destination.DestinationId, IsHealthy(cluster.Model.Config, destination));
                }
            }
        }
    }
}
