using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.Splice.Health;
using Yarp.Splice.Limits;
using Yarp.Splice.LoadBalancing;

namespace Yarp.Splice.Routing;

/// <summary>Turns what the configuration says of TCP routes into metadata and refuses what is wrong with it, all mistakes of a route at once.</summary>
internal sealed class SpliceRouteFilter(
    RouteSectionLifter lifter, PortClaims claims, IEnumerable<WeightedPolicy> policies, IForwarderHttpClientFactory clients) : IProxyConfigFilter
{
    private static readonly HashSet<string> s_policiesWithoutWeights = new(
        [
            LoadBalancingPolicies.FirstAlphabetical,
            LoadBalancingPolicies.Random,
            LoadBalancingPolicies.RoundRobin,
            LoadBalancingPolicies.LeastRequests,
            LoadBalancingPolicies.PowerOfTwoChoices,
        ],
        StringComparer.OrdinalIgnoreCase);

    public ValueTask<ClusterConfig> ConfigureClusterAsync(ClusterConfig cluster, CancellationToken cancel)
    {
        var mistakes = new List<string>();
        _ = ClusterHealthSettings.Read(cluster, mistakes);
        if (HeedsWeights(cluster))
        {
            CheckWeights(cluster, mistakes);
        }

        return mistakes.Count == 0 ? ValueTask.FromResult(cluster) : throw new SpliceConfigurationException(mistakes);
    }

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

    private void CheckCluster(RouteConfig route, ClusterConfig? cluster, List<string> mistakes)
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

        if (!HeedsWeights(cluster))
        {
            CheckWeights(cluster, mistakes);
        }

        if (cluster.HealthCheck?.Active?.Enabled == true && clients is not ProbingClientFactory)
        {
            mistakes.Add($"Route '{route.RouteId}': HealthCheck:Active of cluster '{cluster.ClusterId}' is enabled, but the application replaced YARP's HTTP clients after " +
                "AddSplice, which adds TCP probes to them; accepted is ConfigureHttpClient before AddSplice.");
        }

        foreach (var (id, destination) in cluster.Destinations ?? new Dictionary<string, DestinationConfig>())
        {
            if (!DestinationAddress.TryParse(destination.Address, out _, out var error))
            {
                mistakes.Add($"Route '{route.RouteId}': Address of destination '{id}' of cluster '{cluster.ClusterId}' {error}");
            }

            if (!DestinationLimit.TryRead(destination, out _, out error))
            {
                mistakes.Add($"Route '{route.RouteId}': Metadata:{DestinationLimit.Metadata} of destination '{id}' of cluster '{cluster.ClusterId}' {error}");
            }
        }
    }

    private bool HeedsWeights(ClusterConfig cluster) =>
        policies.Any(weighted => weighted.Name.Equals(cluster.LoadBalancingPolicy, StringComparison.OrdinalIgnoreCase));

    private void CheckWeights(ClusterConfig cluster, List<string> mistakes)
    {
        var policy = string.IsNullOrEmpty(cluster.LoadBalancingPolicy) ? LoadBalancingPolicies.PowerOfTwoChoices : cluster.LoadBalancingPolicy;
        foreach (var (id, destination) in cluster.Destinations ?? new Dictionary<string, DestinationConfig>())
        {
            var subject = $"Cluster '{cluster.ClusterId}': Metadata:{DestinationWeight.Key} of destination '{id}' ";
            if (!DestinationWeight.TryRead(destination, out var weight, out var error))
            {
                mistakes.Add(subject + error);
            }
            else if (weight > 1 && s_policiesWithoutWeights.Contains(policy))
            {
                mistakes.Add($"{subject}is '{weight}', which the load-balancing policy {policy} does not look at; " +
                    $"accepted with a weight above 1 is LoadBalancingPolicy {string.Join(", ", policies.Select(static weighted => weighted.Name))}.");
            }
        }
    }

    private void CheckPorts(IReadOnlyList<TcpRoute> routes, List<string> mistakes)
    {
        foreach (var route in routes)
        {
            if (claims.FindRival(route) is not { } rival)
            {
                continue;
            }

            mistakes.Add(route.DisagreesWith(rival)
                ? $"Route '{route.RouteId}': Splice:AcceptProxyProtocol is not the same as that of route '{rival.RouteId}', and both are on port " +
                    $"{TcpPort.Of(route)}, where the header comes before the name; accepted is the same list for all routes of a port."
                : $"Route '{route.RouteId}': Match:Hosts takes {route.Claim}, but route '{rival.RouteId}' takes {rival.Claim}; " +
                    "accepted is one route for a name on a port, or several with different Splice:Alpn, with the same Splice:Listen for all names, " +
                    "or Splice:Listen with different addresses.");
        }
    }
}
