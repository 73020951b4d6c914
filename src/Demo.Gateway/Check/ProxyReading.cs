using Demo.Gateway.Errors;
using Demo.Gateway.Hosting;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.LoadBalancing;

namespace Demo.Gateway.Check;

/// <summary>Routes and clusters as YARP would take them over, and what it or the gateway would refuse. Nothing is started and no name is looked up.</summary>
/// <param name="Routes">The routes that are right.</param>
/// <param name="Clusters">The clusters, by id.</param>
/// <param name="Mistakes">One line each.</param>
internal sealed record ProxyReading(IReadOnlyList<RouteConfig> Routes, IReadOnlyDictionary<string, ClusterConfig> Clusters, IReadOnlyList<string> Mistakes)
{
    /// <exception cref="Exception">A value cannot be read at all.</exception>
    public static async Task<ProxyReading> ReadAsync(IConfiguration configuration)
    {
        var services = new ServiceCollection();
        services.AddSingleton(configuration);
        services.AddLogging();
        GatewayProxy.Add(services, configuration);
        await using var provider = services.BuildServiceProvider();

        var configs = provider.GetServices<IProxyConfigProvider>().Select(static source => source.GetConfig()).ToArray();
        foreach (var listener in provider.GetServices<IConfigChangeListener>())
        {
            listener.ConfigurationLoaded(configs);
        }

        var filters = provider.GetServices<IProxyConfigFilter>().ToArray();
        var validator = provider.GetRequiredService<IConfigValidator>();
        var mistakes = new List<string>();
        var policies = string.Join(", ", provider.GetServices<ILoadBalancingPolicy>().Select(static policy => policy.Name).Order(StringComparer.Ordinal));

        // In YARP's order: filters first, clusters before routes. Unlike YARP, what a filter refused is still validated, so that all mistakes come out.
        var clusters = new Dictionary<string, ClusterConfig>(StringComparer.OrdinalIgnoreCase);
        foreach (var found in configs.SelectMany(static config => config.Clusters))
        {
            var cluster = found;
            await CollectAsync(async () =>
            {
                foreach (var filter in filters)
                {
                    cluster = await filter.ConfigureClusterAsync(cluster, CancellationToken.None);
                }
            }, mistakes);
            mistakes.AddRange(StartupFailure.Describe(await validator.ValidateClusterAsync(cluster)).Select(AddPolicies));
            clusters[cluster.ClusterId] = cluster;
        }

        var routes = new List<RouteConfig>();
        foreach (var found in configs.SelectMany(static config => config.Routes))
        {
            var route = found;
            var before = mistakes.Count;
            await CollectAsync(async () =>
            {
                foreach (var filter in filters)
                {
                    route = await filter.ConfigureRouteAsync(route, clusters.GetValueOrDefault(route.ClusterId ?? ""), CancellationToken.None);
                }
            }, mistakes);
            mistakes.AddRange(StartupFailure.Describe(await validator.ValidateRouteAsync(route)));
            if (mistakes.Count == before)
            {
                routes.Add(route);
            }
        }

        return new ProxyReading(routes, clusters, mistakes);

        string AddPolicies(string mistake) =>
            mistake.Contains(nameof(ILoadBalancingPolicy), StringComparison.Ordinal) ? $"{mistake.TrimEnd('.')}; accepted are {policies}." : mistake;
    }

    private static async Task CollectAsync(Func<Task> configure, List<string> mistakes)
    {
        try
        {
            await configure();
        }
        catch (Exception exception)
        {
            mistakes.AddRange(StartupFailure.Describe([exception]));
        }
    }
}
