using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Configuration;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Upgrades;

/// <summary>What the routes that YARP has say of upgrades: read once for each configuration of a route, with its first request.</summary>
internal sealed class UpgradeRoutes(IServiceProvider services) : IConfigChangeListener
{
    private readonly ConditionalWeakTable<RouteConfig, UpgradeRoute> _read = [];

    public UpgradeRoute Of(RouteConfig route) => _read.GetValue(route, static route => UpgradeRouteReader.Read(route, []));

    public void ConfigurationLoadingFailed(IProxyConfigProvider configProvider, Exception exception)
    {
    }

    public void ConfigurationLoaded(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
    }

    public void ConfigurationApplyingFailed(IReadOnlyList<IProxyConfig> proxyConfigs, Exception exception)
    {
    }

    public void ConfigurationApplied(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
        // Not constructor arguments: the implementations themselves need all IConfigChangeListeners.
        var routes = services.GetRequiredService<IProxyStateLookup>().GetRoutes();
        services.GetRequiredService<IRelayEngine>().Prepare(
            routes.Where(static route => !SpliceMetadata.IsTcpRoute(route.Config)).Select(route => Of(route.Config).Tunnels));
    }
}
