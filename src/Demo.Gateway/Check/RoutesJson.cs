using Demo.Gateway.CommandLine;

namespace Demo.Gateway.Check;

/// <summary>Routes as JSON. Members are added, never renamed, as long as <c>schema</c> stays.</summary>
internal static class RoutesJson
{
    private const int Schema = 1;

    public static string Write(IReadOnlyList<EffectiveRoute> routes) => CommandJson.Write(
        new
        {
            schema = Schema,
            routes = routes.Select(static route => new
            {
                id = route.Id,
                kind = route.Mode is null ? "http" : "tcp",
                mode = route.Mode,
                endpoints = route.Endpoints,
                names = route.Names,
                path = route.Path,
                cluster = route.Cluster,
                loadBalancingPolicy = route.Policy,
                destinations = route.Destinations.Select(static destination => new { id = destination.Id, address = destination.Address }),
                settings = route.Settings.ToDictionary(static setting => setting.Key, static setting => setting.Value),
            }),
        }) + "\n";
}
