using System.Globalization;
using System.Text.Json.Nodes;

namespace RelayCases;

/// <summary>The gateway's configuration for the routes of a topology.</summary>
public static class GatewayRoutes
{
    /// <param name="topology">The routes.</param>
    /// <param name="mode">Copy, Splice, Sockmap or Auto.</param>
    public static JsonObject Of(RelayTopology topology, string mode)
    {
        var routes = new JsonObject();
        var clusters = new JsonObject();
        foreach (var route in topology.Routes)
        {
            var names = route.Settings.ServerNames ?? [route.Prereads ? RelayRoute.ServerName : ""];
            for (var i = 0; i < names.Count; i++)
            {
                var id = string.Create(CultureInfo.InvariantCulture, $"{route.Settings.Name}{(route.Prereads ? "-preread" : "")}-{i}");
                routes[id] = new JsonObject
                {
                    ["ClusterId"] = id,
                    ["Mode"] = mode,
                    ["Match"] = new JsonObject { ["Hosts"] = new JsonArray($"{(names[i].Length > 0 ? names[i] : "*")}:{route.Port}") },
                    ["Splice"] = Settings(route.Settings),
                };
                clusters[id] = Cluster(route.Settings.ServerNames is null ? route.Destinations : [route.Destinations[i]]);
            }
        }

        return new JsonObject { ["ReverseProxy"] = new JsonObject { ["Routes"] = routes, ["Clusters"] = clusters } };
    }

    private static JsonObject Settings(RouteSettings settings)
    {
        var splice = new JsonObject
        {
            ["Listen"] = "127.0.0.1",
            ["IdleTimeout"] = settings.IdleTimeout.ToString(),
            ["HalfCloseTimeout"] = settings.HalfCloseTimeout.ToString(),
            ["ConnectTimeout"] = settings.ConnectTimeout.ToString(),
            ["ConnectAttempts"] = settings.ConnectAttempts,
            ["PrereadTimeout"] = settings.PrereadTimeout.ToString(),
        };
        if (settings.MaxConnections is { } limit)
        {
            splice["MaxConnections"] = limit;
        }

        if (settings.ProxyProtocol > 0)
        {
            splice["ProxyProtocol"] = string.Create(CultureInfo.InvariantCulture, $"V{settings.ProxyProtocol}");
        }

        return splice;
    }

    private static JsonObject Cluster(IEnumerable<Destination> destinations)
    {
        var all = new JsonObject();
        foreach (var destination in destinations)
        {
            all[$"d{all.Count}"] = new JsonObject
            {
                ["Address"] = destination.Kind == DestinationKind.ListeningOnUnixSocket ? $"unix:{destination.Address}" : $"tcp://{destination.Address}",
            };
        }

        return new JsonObject { ["LoadBalancingPolicy"] = "RoundRobin", ["Destinations"] = all };
    }
}
