using Yarp.ReverseProxy.Configuration;
using Yarp.Splice.Routing;

namespace Demo.Gateway.Check;

/// <summary>Turns checked routes into what is said about them.</summary>
internal static class EffectiveRoutes
{
    /// <summary>The routes, ordered by id: TCP routes first.</summary>
    public static IReadOnlyList<EffectiveRoute> Of(CheckResult result) =>
    [
        .. (result.Proxy?.Routes ?? [])
            .Select(route => Describe(route, result))
            .OrderBy(static route => route.Mode is null)
            .ThenBy(static route => route.Id, StringComparer.Ordinal),
    ];

    private static EffectiveRoute Describe(RouteConfig route, CheckResult result)
    {
        var cluster = result.Proxy!.Clusters.GetValueOrDefault(route.ClusterId ?? "");
        // Checked before, so there are no mistakes to be had.
        var tcp = TcpRouteReader.Read(route, []);
        var isTcp = tcp.Count > 0;
        return new EffectiveRoute(
            route.RouteId,
            isTcp ? tcp[0].Mode.ToString() : null,
            isTcp ? [.. tcp.Select(static host => TcpPort.Of(host).ToString()).Distinct()] : result.HttpUrls,
            isTcp ? [.. tcp.Select(static host => host.ServerName.ToString()).Distinct()] : route.Match.Hosts is { Count: > 0 } hosts ? hosts : ["*"],
            isTcp ? null : route.Match.Path,
            route.ClusterId,
            cluster?.LoadBalancingPolicy,
            [.. (cluster?.Destinations ?? new Dictionary<string, DestinationConfig>()).Select(static pair => (pair.Key, pair.Value.Address)).OrderBy(static pair => pair.Key, StringComparer.Ordinal)],
            [.. Settings(route)]);
    }

    /// <summary>What is set beyond where the route is and goes: the keys of Splice, and those of HTTP routes that limit or change requests.</summary>
    private static IEnumerable<(string Key, string Value)> Settings(RouteConfig route)
    {
        foreach (var key in SpliceMetadata.Keys.Except([SpliceMetadata.Listen]))
        {
            if (SpliceMetadata.Find(route, SpliceMetadata.Prefix + key) is { } value)
            {
                yield return (key, value);
            }
        }

        var http = new (string Key, object? Value)[]
        {
            (nameof(route.Order), route.Order),
            (nameof(route.Match.Methods), route.Match.Methods is { Count: > 0 } methods ? string.Join(',', methods) : null),
            (nameof(route.AuthorizationPolicy), route.AuthorizationPolicy),
            (nameof(route.RateLimiterPolicy), route.RateLimiterPolicy),
            (nameof(route.CorsPolicy), route.CorsPolicy),
            (nameof(route.Timeout), route.Timeout),
            (nameof(route.MaxRequestBodySize), route.MaxRequestBodySize),
            (nameof(route.Transforms), route.Transforms is { Count: > 0 } transforms ? string.Join(',', transforms.Select(static transform => transform.Keys.First())) : null),
        };
        foreach (var (key, value) in http)
        {
            if (value is not null)
            {
                yield return (key, FormattableString.Invariant($"{value}"));
            }
        }
    }
}
