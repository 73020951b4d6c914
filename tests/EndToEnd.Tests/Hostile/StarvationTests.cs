using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Hostile;

/// <summary>
/// One route is flooded, others on the same event loops go on: how long a conversation there takes, alone and during the flood, and one past the gateway beside
/// it. The bound is for a loop that forgets somebody; how good it is tell the figures, in docs/reliability.md by hand, as a loop whose flood takes all of a processor
/// waits for that with whatever else the machine runs. So do the kernel's threads that carry mode Sockmap: conversations in it are only to go on.
/// </summary>
public sealed class StarvationTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Flooders = 8;
    private const int SlowClients = 3_000;
    private const string Direct = "past the gateway";

    private static readonly int[] s_bulkSessions = [16, 128];
    private static readonly TimeSpan s_duration = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_largest = TimeSpan.FromSeconds(2);

    private readonly Socket _conversations = PingPong.Listen();
    private readonly Socket _downloads = Flood.ListenForDownloads();
    private readonly Dictionary<string, int> _ports = [];
    private Gateway _gateway = null!;

    public async Task InitializeAsync()
    {
        var routes = new JsonObject();
        foreach (var mode in EveryModeGateway.Modes)
        {
            Add(mode, mode, "conversations");
            Add($"{mode} bulk", mode, "downloads");
        }

        Add("silent", "Auto", "conversations");
        routes["silent"]!["Match"]!["Hosts"] = new JsonArray($"a.example:{_ports["silent"]}");
        routes["silent"]!["Splice"]!["PrereadTimeout"] = "00:01:00";
        _gateway = await Gateway.StartAsync(new JsonObject
        {
            ["ReverseProxy"] = new JsonObject
            {
                ["Routes"] = routes,
                ["Clusters"] = new JsonObject { ["conversations"] = Cluster(_conversations), ["downloads"] = Cluster(_downloads) },
            },
        });

        void Add(string name, string mode, string cluster)
        {
            _ports[name] = FreePort.Next();
            routes[name] = GatewayConfiguration.TcpRoute(mode, _ports[name], cluster);
        }

        static JsonObject Cluster(Socket listener) => GatewayConfiguration.Cluster($"tcp://127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}");
    }

    public async Task DisposeAsync()
    {
        // What the attack has left on its way ends with its destinations.
        _conversations.Dispose();
        _downloads.Dispose();
        await _gateway.DisposeAsync();
    }

    [Fact]
    public async Task A_flooded_route_does_not_starve_another()
    {
        await MeasureAsync("alone", static () => null);
        foreach (var count in s_bulkSessions)
        {
            foreach (var mode in EveryModeGateway.Modes)
            {
                await MeasureAsync($"{count} bulk sessions, {mode}", () => new Flood(count, Flood.Download(_ports[$"{mode} bulk"])));
            }
        }

        await MeasureAsync("connections", () => new Flood(Flooders, Flood.Connect(_ports["Auto bulk"], resets: false)));
        await MeasureAsync("resets", () => new Flood(Flooders, Flood.Connect(_ports["Auto bulk"], resets: true)));
        await MeasureAsync($"{SlowClients} silent clients", () => new SilentClients(_ports["silent"], SlowClients));
    }

    private async Task MeasureAsync(string circumstance, Func<IDisposable?> attack)
    {
        using var conversations = new Conversations(_ports, ((IPEndPoint)_conversations.LocalEndPoint!).Port);
        IReadOnlyDictionary<string, TimeSpan> measured;
        long? done;
        using (var flood = await Task.Run(attack))
        {
            measured = await conversations.MeasureAsync(s_duration);
            done = (flood as Flood)?.Done;
        }

        var rows = measured.Select(static pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} {pair.Value.TotalMilliseconds:0.00}"));
        output.WriteLine($"{circumstance}: p99 in ms: {string.Join(", ", rows)}{(done > 0 ? $"; {done} done" : "")}");
        Assert.All(measured.Where(static pair => pair.Key != "Sockmap"), pair => Assert.True(
            pair.Value < s_largest, $"{circumstance}: {pair.Key} took {pair.Value.TotalMilliseconds} ms, {measured[Direct].TotalMilliseconds} past the gateway"));
    }

    /// <summary>A conversation in each mode, and one past the gateway, at the same time.</summary>
    private sealed class Conversations : IDisposable
    {
        private readonly Dictionary<string, PingPong> _all;

        public Conversations(Dictionary<string, int> ports, int direct) => _all = EveryModeGateway.Modes.ToDictionary(
            static mode => mode, mode => new PingPong(ports[mode])).Append(new(Direct, new PingPong(direct))).ToDictionary();

        public async Task<IReadOnlyDictionary<string, TimeSpan>> MeasureAsync(TimeSpan duration)
        {
            var measuring = _all.Select(pair => (pair.Key, Time: Task.Factory.StartNew(() => pair.Value.Measure(duration), TaskCreationOptions.LongRunning))).ToArray();
            await Task.WhenAll(measuring.Select(static one => one.Time));
            return measuring.ToDictionary(static one => one.Key, static one => one.Time.Result);
        }

        public void Dispose()
        {
            foreach (var conversation in _all.Values)
            {
                conversation.Dispose();
            }
        }
    }

    private sealed class SilentClients : IDisposable
    {
        private readonly Socket[] _sockets;

        public SilentClients(int port, int count) => _sockets = [.. Enumerable.Range(0, count).Select(_ => Door.Tcp("", port).Connect())];

        public void Dispose() => Array.ForEach(_sockets, static socket => socket.Dispose());
    }
}
