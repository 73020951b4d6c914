using System.Globalization;
using System.Reflection;
using System.Text.Json.Nodes;

namespace Soak;

/// <summary>The built gateway as a process: a route of each mode, one with Splice:PauseImmune, and HTTP, all to the same two upstreams.</summary>
internal sealed class SoakGateway : IAsyncDisposable
{
    private const string AdminSays = "Admin endpoint and dashboard on ";

    private static readonly string s_path = typeof(SoakGateway).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(static attribute => attribute.Key == "GatewayPath").Value!;

    private readonly UpstreamProcess[] _upstreams;
    private readonly TemporaryFolder _folder;
    private readonly int _extraPort = FreePort.Next();
    private readonly RunningProgram _program;
    private readonly HttpClient _admin = new() { Timeout = Deadline.Default };
    private int _reloads;

    private SoakGateway(UpstreamProcess[] upstreams)
    {
        _upstreams = upstreams;
        _folder = new TemporaryFolder("soak");
        File.WriteAllText(ConfigurationFile, Configuration().ToJsonString());
        _program = RunningProgram.Start(Programs.DotnetHost, [s_path, "--config", ConfigurationFile], new Dictionary<string, string>
        {
            ["Admin__Url"] = "http://127.0.0.1:0",
            ["DOTNET_STARTUP_HOOKS"] = typeof(SoakGateway).Assembly.Location,
            [StartupHook.Variable] = HeapFile,
        });
    }

    /// <summary>The TCP routes: name and port.</summary>
    public IReadOnlyDictionary<string, int> Ports { get; } =
        new[] { "Copy", "Splice", "Sockmap", "Auto", "Immune" }.ToDictionary(static name => name, static _ => FreePort.Next());

    public int HttpPort { get; } = FreePort.Next();

    public int ProcessId => _program.Id;

    public string HeapFile => _folder["heap"];

    public string Log => _program.Everything;

    private string ConfigurationFile => _folder["gateway.json"];

    public static async Task<SoakGateway> StartAsync(UpstreamProcess[] upstreams)
    {
        var gateway = new SoakGateway(upstreams);
        await gateway._program.WaitForOutputAsync("Application started");
        await gateway._program.WaitForOutputAsync(AdminSays);
        var line = gateway._program.Output.Split('\n').First(static line => line.Contains(AdminSays, StringComparison.Ordinal));
        var from = line.IndexOf(AdminSays, StringComparison.Ordinal) + AdminSays.Length;
        gateway._admin.BaseAddress = new Uri(line[from..line.IndexOf(';', from)]);
        return gateway;
    }

    /// <summary>Changes the file: a route more or a route less, and another timeout.</summary>
    public async Task ReloadAsync()
    {
        _reloads++;
        var next = ConfigurationFile + ".next";
        await File.WriteAllTextAsync(next, Configuration().ToJsonString());
        File.Move(next, ConfigurationFile, overwrite: true);
    }

    public async Task<int> CountSessionsAsync() => JsonNode.Parse(await _admin.GetStringAsync("/api/sessions?limit=1"))!["total"]!.GetValue<int>();

    /// <summary>The sum of a metric's values.</summary>
    public async Task<double> ReadMetricAsync(string name) => (await _admin.GetStringAsync("/metrics")).Split('\n')
        .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line[name.Length] is ' ' or '{')
        .Sum(static line => double.Parse(line.Split(' ')[^1], CultureInfo.InvariantCulture));

    /// <summary>Ends it as an operator does; the exit code.</summary>
    public async Task<int> StopAsync()
    {
        _program.Terminate();
        return await _program.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _program.DisposeAsync();
        _admin.Dispose();
        _folder.Dispose();
    }

    private JsonObject Configuration()
    {
        var routes = new JsonObject { ["web"] = new JsonObject { ["ClusterId"] = "web", ["Match"] = new JsonObject { ["Path"] = "{**catch-all}" } } };
        foreach (var (name, port) in Ports)
        {
            routes[name] = Route(name, port);
        }

        if (_reloads % 2 == 1)
        {
            routes["extra"] = Route("Copy", _extraPort);
        }

        return new JsonObject
        {
            ["Kestrel"] = new JsonObject
            {
                ["Endpoints"] = new JsonObject { ["http"] = new JsonObject { ["Url"] = $"http://127.0.0.1:{HttpPort}" } },
            },
            ["ReverseProxy"] = new JsonObject
            {
                ["Routes"] = routes,
                ["Clusters"] = new JsonObject
                {
                    ["tcp"] = Cluster(static upstream => $"tcp://127.0.0.1:{upstream.TcpPort}"),
                    ["web"] = Cluster(static upstream => $"http://127.0.0.1:{upstream.HttpPort}"),
                },
            },
        };
    }

    private JsonObject Route(string name, int port)
    {
        var splice = new JsonObject { ["Listen"] = "127.0.0.1", ["IdleTimeout"] = _reloads % 2 == 1 ? "00:10:00" : "00:11:00" };
        if (name == "Immune")
        {
            splice["PauseImmune"] = true;
        }

        return new JsonObject
        {
            ["ClusterId"] = "tcp",
            ["Mode"] = name == "Immune" ? "Auto" : name,
            ["Match"] = new JsonObject { ["Hosts"] = new JsonArray($"*:{port}") },
            ["Splice"] = splice,
        };
    }

    private JsonObject Cluster(Func<UpstreamProcess, string> address)
    {
        var destinations = new JsonObject();
        for (var i = 0; i < _upstreams.Length; i++)
        {
            destinations[$"d{i}"] = new JsonObject { ["Address"] = address(_upstreams[i]) };
        }

        return new JsonObject { ["LoadBalancingPolicy"] = "RoundRobin", ["Destinations"] = destinations };
    }
}
