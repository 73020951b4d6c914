using System.Text.Json.Nodes;

namespace EndToEnd.Tests.Fixtures;

/// <summary>Builds configuration files for the gateway.</summary>
internal static class GatewayConfiguration
{
    /// <summary>One TCP route from a loopback port to a loopback port.</summary>
    public static JsonObject Tcp(string mode, int listenPort, int upstreamPort) => new()
    {
        ["ReverseProxy"] = new JsonObject
        {
            ["Routes"] = new JsonObject { ["tcp"] = TcpRoute(mode, listenPort, "tcp") },
            ["Clusters"] = new JsonObject { ["tcp"] = Cluster($"tcp://127.0.0.1:{upstreamPort}") },
        },
    };

    /// <summary>TCP routes from loopback ports, one for each mode, to the same loopback port.</summary>
    public static JsonObject Tcp(IReadOnlyDictionary<string, int> portsByMode, int upstreamPort, string idleTimeout = "01:00:00")
    {
        var routes = new JsonObject();
        foreach (var (mode, port) in portsByMode)
        {
            var route = TcpRoute(mode, port, "tcp");
            route["Splice"]!["IdleTimeout"] = idleTimeout;
            routes[mode] = route;
        }

        return new JsonObject
        {
            ["ReverseProxy"] = new JsonObject
            {
                ["Routes"] = routes,
                ["Clusters"] = new JsonObject { ["tcp"] = Cluster($"tcp://127.0.0.1:{upstreamPort}") },
            },
        };
    }

    /// <summary>One HTTP route for everything, and the endpoints it is served on.</summary>
    public static JsonObject Http(string upstream, JsonObject endpoints) => new()
    {
        ["Kestrel"] = new JsonObject { ["Endpoints"] = endpoints },
        ["ReverseProxy"] = new JsonObject
        {
            ["Routes"] = new JsonObject
            {
                ["site"] = new JsonObject { ["ClusterId"] = "web", ["Match"] = new JsonObject { ["Path"] = "{**catch-all}" } },
            },
            ["Clusters"] = new JsonObject { ["web"] = Cluster(upstream) },
        },
    };

    public static JsonObject TcpRoute(string mode, int port, string cluster) => new()
    {
        ["ClusterId"] = cluster,
        ["Mode"] = mode,
        ["Match"] = new JsonObject { ["Hosts"] = new JsonArray($"*:{port}") },
        ["Splice"] = new JsonObject { ["Listen"] = "127.0.0.1" },
    };

    public static JsonObject Cluster(string address) => new()
    {
        ["Destinations"] = new JsonObject { ["a"] = new JsonObject { ["Address"] = address } },
    };

    public static JsonObject Endpoint(string url, string? protocols = null)
    {
        var endpoint = new JsonObject { ["Url"] = url };
        if (protocols is not null)
        {
            endpoint["Protocols"] = protocols;
        }

        return endpoint;
    }
}
