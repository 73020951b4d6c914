using System.Globalization;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;

namespace EndToEnd.Tests.Hostile;

/// <summary>A gateway with every kind of port, in front of honest upstreams, and what an attack may cost it.</summary>
internal sealed class HostileSite : IAsyncDisposable
{
    private readonly EchoUpstream _echo;
    private readonly HttpUpstream _http;
    private long _resident;
    private int _lines;

    private HostileSite(EchoUpstream echo, HttpUpstream http, Gateway gateway, IReadOnlyList<Door> doors) =>
        (_echo, _http, Gateway, Doors) = (echo, http, gateway, doors);

    public Gateway Gateway { get; }

    /// <summary>One for each kind of port. The admin endpoint is the last.</summary>
    public IReadOnlyList<Door> Doors { get; }

    public Door this[string name] => Doors.Single(door => door.Name == name);

    /// <summary>How much the process has grown since it was marked.</summary>
    public long Growth => Gateway.ResidentBytes - _resident;

    /// <summary>How many lines it has written to its log since then.</summary>
    public int Lines => CountLines() - _lines;

    /// <param name="prereadTimeout">Of ports where something has to come first.</param>
    /// <param name="descriptors">The gateway's limit.</param>
    /// <param name="transport">Options of the transport.</param>
    public static async Task<HostileSite> StartAsync(TimeSpan prereadTimeout, int descriptors = 20_000, JsonObject? transport = null)
    {
        var (echo, http) = (new EchoUpstream(), await HttpUpstream.StartAsync());
        var doors = EveryModeGateway.Modes.Select(static mode => Door.Tcp(mode, FreePort.Next())).ToList();
        var (tls, proxied, web, mixed) = (FreePort.Next(), FreePort.Next(), FreePort.Next(), FreePort.Next());
        var configuration = GatewayConfiguration.Tcp(doors.ToDictionary(static door => door.Name, static door => door.Port), echo.Port);
        var proxy = configuration["ReverseProxy"]!;
        proxy["Routes"]!["tls"] = Route(tls, Door.ServerName, prereadTimeout);
        proxy["Routes"]!["proxied"] = Route(proxied, "*", prereadTimeout, new JsonArray("127.0.0.0/8"));
        proxy["Routes"]!["mixed"] = Route(mixed, Door.ServerName, prereadTimeout);
        proxy["Routes"]!["site"] = new JsonObject { ["ClusterId"] = "web", ["Match"] = new JsonObject { ["Path"] = "{**rest}" } };
        proxy["Clusters"]!["web"] = GatewayConfiguration.Cluster(http.Address);
        configuration["Kestrel"] = new JsonObject
        {
            ["Endpoints"] = new JsonObject
            {
                ["Web"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{web}"),
                ["Mixed"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{mixed}"),
            },
        };
        configuration["LinuxTransport"] = transport;
        var gateway = await Gateway.StartUnderAsync([Programs.Require("prlimit"), $"--nofile={descriptors}:{descriptors}"], configuration);
        using var admin = await AdminClient.FindAsync(gateway);
        doors.AddRange(
        [
            Door.Tls("TLS", tls), Door.Proxied(proxied), Door.Http("HTTP", web), Door.Http("HTTP beside TLS", mixed), Door.Tls("TLS beside HTTP", mixed),
            Door.Http("admin", admin.Address.Port, "/healthz"),
        ]);
        var site = new HostileSite(echo, http, gateway, doors);
        // Once each, so that what is made for the first is not counted as the attack's.
        await site.AssertServesAsync();
        site.Mark();
        return site;
    }

    /// <summary>Every door serves honest clients.</summary>
    public Task AssertServesAsync() => Task.WhenAll(Doors.Select(static door => door.AssertServedAsync()));

    /// <summary>What follows is the attack's.</summary>
    public void Mark() => (_resident, _lines) = (Gateway.ResidentBytes, CountLines());

    public async ValueTask DisposeAsync()
    {
        // What the attack has left on its way ends with its destination.
        _echo.Dispose();
        await Gateway.DisposeAsync();
        await _http.DisposeAsync();
    }

    private static JsonObject Route(int port, string name, TimeSpan prereadTimeout, JsonArray? proxies = null)
    {
        var route = GatewayConfiguration.TcpRoute("Auto", port, "tcp");
        route["Match"]!["Hosts"] = new JsonArray($"{name}:{port}");
        route["Splice"]!["PrereadTimeout"] = prereadTimeout.ToString("c", CultureInfo.InvariantCulture);
        if (proxies is not null)
        {
            route["Splice"]!["AcceptProxyProtocol"] = proxies;
        }

        return route;
    }

    private int CountLines() => Gateway.Program.Output.AsSpan().Count('\n') + Gateway.Program.Error.AsSpan().Count('\n');
}
