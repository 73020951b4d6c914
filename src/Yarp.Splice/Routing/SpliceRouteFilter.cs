using Yarp.ReverseProxy.Configuration;

namespace Yarp.Splice.Routing;

/// <summary>Turns what the configuration says of TCP routes into metadata and refuses what is wrong with it, all mistakes of a route at once.</summary>
internal sealed class SpliceRouteFilter(RouteSectionLifter lifter, PortClaims claims) : IProxyConfigFilter
{
    public ValueTask<ClusterConfig> ConfigureClusterAsync(ClusterConfig cluster, CancellationToken cancel) => ValueTask.FromResult(cluster);

    public ValueTask<RouteConfig> ConfigureRouteAsync(RouteConfig route, ClusterConfig? cluster, CancellationToken cancel)
    {
        var mistakes = new List<string>();
        var lifted = lifter.Lift(route, mistakes);
        if (lifted.Match is not null)
        {
            var tcpRoutes = TcpRouteReader.Read(lifted, mistakes);
            CheckPorts(tcpRoutes, mistakes);
            if (SpliceMetadata.IsTcpRoute(lifted))
            {
                CheckCluster(lifted, cluster, mistakes);
            }
        }

        return mistakes.Count == 0 ? ValueTask.FromResult(lifted) : throw new SpliceConfigurationException(mistakes);
    }

    private static void CheckCluster(RouteConfig route, ClusterConfig? cluster, List<string> mistakes)
    {
        if (cluster is null)
        {
            mistakes.Add($"Route '{route.RouteId}': ClusterId is '{route.ClusterId}', which is no cluster; accepted is the id of a cluster.");
            return;
        }

        if (cluster.SessionAffinity?.Enabled == true)
        {
            mistakes.Add($"Route '{route.RouteId}': SessionAffinity of cluster '{cluster.ClusterId}' is enabled, which only an HTTP route can use; " +
                "accepted is a cluster without it.");
        }

        foreach (var (id, destination) in cluster.Destinations ?? new Dictionary<string, DestinationConfig>())
        {
            if (!DestinationAddress.TryParse(destination.Address, out _, out var error))
            {
                mistakes.Add($"Route '{route.RouteId}': Address of destination '{id}' of cluster '{cluster.ClusterId}' {error}");
            }
        }
    }

    private void CheckPorts(IReadOnlyList<TcpRoute> routes, List<string> mistakes)
    {
        foreach (var route in routes)
        {
            if (claims.FindRival(route) is { } rival)
            {
                mistakes.Add($"Route '{route.RouteId}': Match:Hosts takes {route.Claim}, but route '{rival.RouteId}' takes {rival.Claim}; " +
                    "accepted is one route for a name on a port, with the same Splice:Listen for all names, or Splice:Listen with different addresses.");
            }
        }
    }
}
