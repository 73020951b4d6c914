using Yarp.ReverseProxy.Configuration;

namespace Yarp.Splice.Routing;

/// <summary>
/// The ports and server names that all routes of the configuration about to be applied claim, whichever provider they come from: what the filter, which
/// sees one route at a time, needs to find two routes that compete.
/// </summary>
internal sealed class PortClaims(RouteSectionLifter lifter) : IConfigChangeListener
{
    private volatile ILookup<int, TcpRoute> _byPort = Enumerable.Empty<TcpRoute>().ToLookup(static route => route.Port);

    public void ConfigurationLoadingFailed(IProxyConfigProvider configProvider, Exception exception)
    {
    }

    /// <summary>YARP calls this after all providers were read and before the first filter runs.</summary>
    public void ConfigurationLoaded(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
        var ignored = new List<string>();
        _byPort = proxyConfigs
            .SelectMany(static config => config.Routes ?? [])
            .Where(static route => route?.Match is not null && !string.IsNullOrEmpty(route.RouteId))
            .SelectMany(route => TcpRouteReader.Read(lifter.Lift(route, ignored), ignored))
            .ToLookup(static route => route.Port);
    }

    public void ConfigurationApplyingFailed(IReadOnlyList<IProxyConfig> proxyConfigs, Exception exception)
    {
    }

    public void ConfigurationApplied(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
    }

    /// <summary>Another route that claims the same, if there is one.</summary>
    public TcpRoute? FindRival(TcpRoute route) =>
        _byPort[route.Port].FirstOrDefault(other =>
            !other.RouteId.Equals(route.RouteId, StringComparison.OrdinalIgnoreCase) && other.CompetesWith(route));
}
