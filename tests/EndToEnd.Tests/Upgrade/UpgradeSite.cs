using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;

namespace EndToEnd.Tests.Upgrade;

/// <summary>What the instances of an upgrade have in common: ports, upstreams, configuration, and the socket where they hand over.</summary>
internal sealed class UpgradeSite : IAsyncDisposable
{
    public static readonly IReadOnlyList<string> Modes = ["Copy", "Splice", "Auto", "Sockmap"];

    private readonly TemporaryFolder _folder = new("gateway-upgrade");
    private readonly HttpUpstream _site;

    private UpgradeSite(HttpUpstream site)
    {
        _site = site;
        if (!OperatingSystem.IsWindows())
        {
            // Other users are refused by the socket itself, not by the folder.
            File.SetUnixFileMode(_folder.FullName, (UnixFileMode)Convert.ToInt32("755", 8));
        }
    }

    public HttpUpstream Site => _site;

    public EchoUpstream Echo { get; } = new();

    public int HttpPort { get; } = FreePort.Next();

    public int Http2Port { get; } = FreePort.Next();

    /// <summary>Kestrel's, and a TCP route's.</summary>
    public int MixedPort { get; } = FreePort.Next();

    /// <summary>One for each mode.</summary>
    public IReadOnlyDictionary<string, int> Ports { get; } = Modes.ToDictionary(static mode => mode, static _ => FreePort.Next());

    public IEnumerable<int> TcpPorts => Ports.Values.Append(MixedPort);

    public string Socket => _folder["upgrade.sock"];

    public static async Task<UpgradeSite> CreateAsync() => new(await HttpUpstream.StartAsync());

    /// <summary>HTTP/1.1 and HTTP/2, a TCP route on a port of Kestrel's, and one for each mode.</summary>
    public JsonObject Configuration()
    {
        var configuration = GatewayConfiguration.Http(_site.Address, new JsonObject
        {
            ["http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{HttpPort}"),
            ["http2"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{Http2Port}", "Http2"),
            ["mixed"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{MixedPort}"),
        });
        var routes = configuration["ReverseProxy"]!["Routes"]!;
        routes["mixed"] = GatewayConfiguration.TcpRoute("Splice", MixedPort, "tcp");
        foreach (var (mode, port) in Ports)
        {
            routes[mode] = GatewayConfiguration.TcpRoute(mode, port, "tcp");
        }

        configuration["ReverseProxy"]!["Clusters"]!["tcp"] = GatewayConfiguration.Cluster($"tcp://127.0.0.1:{Echo.Port}");
        return configuration;
    }

    /// <summary>One TCP route.</summary>
    public JsonObject OneRoute() => GatewayConfiguration.Tcp("Splice", Ports["Splice"], Echo.Port);

    public Task<Gateway> StartAsync(JsonObject configuration, params string[] arguments) => Gateway.StartAsync(configuration, [.. Options, .. arguments]);

    public Task<Gateway> StartAsync(JsonObject configuration, IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        Gateway.StartAsync(configuration, environment, [.. Options, .. arguments]);

    /// <summary>Writes a configuration that every user can read, and returns the arguments of an instance that is expected to end by itself.</summary>
    public async Task<string[]> ArgumentsAsync(JsonObject configuration)
    {
        var file = _folder["gateway.json"];
        await File.WriteAllTextAsync(file, configuration.ToJsonString());
        return ["--config", file, .. Options];
    }

    public async ValueTask DisposeAsync()
    {
        Echo.Dispose();
        await _site.DisposeAsync();
        _folder.Dispose();
    }

    private string[] Options => [$"--Upgrade:Socket={Socket}", "--Upgrade:DrainTimeout=00:05:00"];
}
