using System.Text.Json.Nodes;

namespace Bench.Driver.Contestants;

/// <summary>Route configurations, as a user would write them.</summary>
internal static class GatewayConfiguration
{
    public static JsonObject Http(int port, int upstream) => new()
    {
        ["Logging"] = Quiet(),
        ["Kestrel"] = Endpoint(port),
        ["ReverseProxy"] = new JsonObject
        {
            ["Routes"] = new JsonObject
            {
                ["site"] = new JsonObject { ["ClusterId"] = "web", ["Match"] = new JsonObject { ["Path"] = "{**catch-all}" } },
            },
            ["Clusters"] = new JsonObject { ["web"] = Cluster($"http://127.0.0.1:{upstream}") },
        },
    };

    /// <param name="mode">Copy, Splice, Sockmap or Auto.</param>
    /// <param name="port">The port of the TCP route.</param>
    /// <param name="upstream">Where it leads.</param>
    /// <param name="httpPort">A port for Kestrel, which wants one.</param>
    public static JsonObject Tcp(string mode, int port, int upstream, int httpPort) => new()
    {
        ["Logging"] = Quiet(),
        ["Kestrel"] = Endpoint(httpPort),
        ["ReverseProxy"] = new JsonObject
        {
            ["Routes"] = new JsonObject
            {
                ["tcp"] = new JsonObject
                {
                    ["ClusterId"] = "tcp",
                    ["Mode"] = mode,
                    ["Match"] = new JsonObject { ["Hosts"] = new JsonArray($"*:{port}") },
                    ["Splice"] = new JsonObject { ["Listen"] = "127.0.0.1" },
                },
            },
            ["Clusters"] = new JsonObject { ["tcp"] = Cluster($"tcp://127.0.0.1:{upstream}") },
        },
    };

    // Warnings stay on: a mode that falls back to another says so there.
    private static JsonObject Quiet() => new() { ["LogLevel"] = new JsonObject { ["Default"] = "Warning" } };

    private static JsonObject Endpoint(int port) => new()
    {
        ["Endpoints"] = new JsonObject { ["Http"] = new JsonObject { ["Url"] = $"http://127.0.0.1:{port}" } },
    };

    private static JsonObject Cluster(string address) => new()
    {
        ["Destinations"] = new JsonObject { ["a"] = new JsonObject { ["Address"] = address } },
    };
}
