using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.Splice.Health;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Tests.Health;

/// <summary>Active and passive health of TCP destinations, over real sockets, through YARP's own monitor and policies.</summary>
public sealed class HealthTests : IDisposable
{
    private readonly CancellationTokenSource _patience = new(TestGateway.Patience);
    private readonly int _port = TestGateway.FreePort();

    public void Dispose() => _patience.Dispose();

    [Theory]
    [InlineData("tcp://127.0.0.1:{0}")]
    [InlineData("127.0.0.1:{0}")]
    [InlineData("localhost:{0}")]
    public async Task A_destination_that_refuses_is_unhealthy_until_it_listens(string address)
    {
        var down = TestGateway.FreePort();
        using var up = Listen();
        await using var gateway = await StartAsync($$"""
            "a": { "Address": "{{string.Format(System.Globalization.CultureInfo.InvariantCulture, address, down)}}" }, "b": { "Address": "127.0.0.1:{{PortOf(up)}}" }
            """, Active);
        await gateway.Log.WaitForAsync("Warning Yarp.Splice: Cluster c: destination a is unhealthy and gets no new sessions.");
        Assert.Equal([("a", 0), ("b", 1)], Healthy(gateway));

        using var listener = new TcpListener(IPAddress.Loopback, down);
        listener.Start();
        await gateway.Log.WaitForAsync("Cluster c: destination a gets new sessions again.");
        Assert.Equal([("a", 1), ("b", 1)], Healthy(gateway));
    }

    [Fact]
    public async Task Unix_sockets_are_probed()
    {
        var name = $"{Guid.NewGuid():N}";
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint("\0" + name));
        listener.Listen();
        await using var gateway = await StartAsync($$""" "a": { "Address": "unix:@{{name}}" }, "b": { "Address": "unix:/no/such/socket" } """, Active);
        await gateway.Log.WaitForAsync("destination b is unhealthy");
        using var probe = await listener.AcceptAsync(_patience.Token);
        Assert.Equal(0, await probe.ReceiveAsync(new byte[1], _patience.Token));
        Assert.Equal([("a", 1), ("b", 0)], Healthy(gateway));
    }

    [Fact]
    public async Task Send_and_expect_decide_and_nothing_else_is_sent()
    {
        using var well = new Answering("+PO", "NG\r\n");
        using var unwell = new Answering("-ERR\r\n");
        await using var gateway = await StartAsync($$"""
            "a": { "Address": "127.0.0.1:{{well.Port}}" }, "b": { "Address": "127.0.0.1:{{unwell.Port}}" }
            """, Active, """ "Metadata": { "Splice.HealthSend": "PING\\r\\n", "Splice.HealthExpect": "+PONG\\x0D" } """);
        await gateway.Log.WaitForAsync("destination b is unhealthy");
        Assert.Equal([("a", 1), ("b", 0)], Healthy(gateway));
        Assert.All(well.Received.Concat(unwell.Received), static received => Assert.Equal("PING\r\n", received));
        Assert.NotEmpty(well.Received);
    }

    [Fact]
    public async Task An_HTTP_destination_of_a_TCP_route_is_still_probed_by_HTTP()
    {
        using var web = new Answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        await using var gateway = await StartAsync($$""" "a": { "Address": "http://127.0.0.1:{{web.Port}}" } """, Active);
        while (!web.Received.Any(static request => request.StartsWith("GET / HTTP/1.1\r\n", StringComparison.Ordinal)))
        {
            await Task.Delay(20, _patience.Token);
        }

        Assert.Equal([("a", 1)], Healthy(gateway));
    }

    [Fact]
    public async Task Nobody_is_healthy_Without_panic_clients_are_closed_at_once()
    {
        await using var gateway = await StartAsync($$""" "a": { "Address": "127.0.0.1:{{TestGateway.FreePort()}}" } """,
            """ "AvailableDestinationsPolicy": "HealthyAndUnknown", """ + Active);
        await gateway.Log.WaitForAsync("Cluster c: every destination is unhealthy; new connections are closed");
        Assert.Equal("", await TestGateway.ReadAllAsync(_port));
        await gateway.Log.WaitForAsync("the last failure was no destination is available");
    }

    [Fact]
    public async Task Nobody_is_healthy_In_panic_all_are_tried()
    {
        await using var gateway = await StartAsync($$""" "a": { "Address": "127.0.0.1:{{TestGateway.FreePort()}}" } """, Active);
        await gateway.Log.WaitForAsync("Cluster c: every destination is unhealthy; new sessions go to all of them");
        Assert.Equal("", await TestGateway.ReadAllAsync(_port));
        await gateway.Log.WaitForAsync("the last failure was a: Connection refused");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Failed_attempts_make_a_destination_unhealthy_and_successful_ones_do_not(bool onLinuxTransport)
    {
        using var up = new Answering("b");
        await using var gateway = await StartAsync($$"""
            "a": { "Address": "127.0.0.1:{{TestGateway.FreePort()}}" }, "b": { "Address": "127.0.0.1:{{up.Port}}" }
            """, """ "Passive": { "Enabled": true, "ReactivationPeriod": "00:10:00" } """, policy: "FirstAlphabetical", onLinuxTransport: onLinuxTransport);
        for (var i = 0; i < 12; i++)
        {
            Assert.Equal("b", await TestGateway.ReadAllAsync(_port, "x"));
        }

        await gateway.Log.WaitForAsync("Cluster c: destination a is unhealthy");
        Assert.Equal([("a", 0), ("b", 1)], Healthy(gateway));
    }

    [Theory]
    [InlineData("Keep", false)]
    [InlineData("Cut", true)]
    public async Task Sessions_of_a_destination_that_turns_unhealthy(string onUnhealthy, bool isCut)
    {
        using var other = Listen();
        var listener = Listen();
        var port = PortOf(listener);
        await using var gateway = await StartAsync($$"""
            "a": { "Address": "127.0.0.1:{{port}}", "Health": "127.0.0.1:{{PortOf(other)}}" }, "b": { "Address": "127.0.0.1:{{PortOf(other)}}" }
            """, Active, $$""" "Metadata": { "Splice.OnUnhealthy": "{{onUnhealthy}}" } """, policy: "FirstAlphabetical");
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _port, _patience.Token);
        using var session = await listener.AcceptSocketAsync(_patience.Token);
        listener.Dispose();

        // Its probes go to the other port, which stops listening now.
        other.Dispose();
        await gateway.Log.WaitForAsync("destination a is unhealthy");
        if (isCut)
        {
            await gateway.Log.WaitForAsync("Cluster c: 1 sessions of destination a were reset");
            var exception = await Assert.ThrowsAsync<IOException>(async () => await client.GetStream().ReadExactlyAsync(new byte[1], _patience.Token));
            Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(exception.InnerException).SocketErrorCode);
            await gateway.Log.WaitForAsync("session ended, destination_unhealthy");
        }
        else
        {
            await client.GetStream().WriteAsync("still here"u8.ToArray(), _patience.Token);
            Assert.Equal(10, await session.ReceiveAsync(new byte[100], _patience.Token));
        }
    }

    [Theory]
    [InlineData("Splice.HealthSend", @"\\q", @"is '\q'; accepted are 1 to 4096 bytes, as text with the escapes \r, \n, \t, \\ and \xHH.")]
    [InlineData("Splice.HealthExpect", @"\\x1", @"is '\x1'; accepted are")]
    [InlineData("Splice.OnUnhealthy", "Drop", "is 'Drop'; accepted are Keep, Cut.")]
    [InlineData("Splice.Health", "x", "is not a known key; accepted are Splice.HealthSend, Splice.HealthExpect, Splice.OnUnhealthy.")]
    public async Task Wrong_metadata_stops_the_start(string key, string value, string error)
    {
        var exception = await Assert.ThrowsAnyAsync<Exception>(
            () => StartAsync(""" "a": { "Address": "127.0.0.1:1" } """, Active, $$""" "Metadata": { "{{key}}": "{{value}}" } """));
        Assert.Contains($"Cluster 'c': Metadata:{key} {error}", exception.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Clients_that_the_application_configures_probe_only_if_AddSplice_comes_after(bool isBefore)
    {
        var builder = WebApplication.CreateSlimBuilder();
        var cluster = new ClusterConfig
        {
            ClusterId = "c",
            HealthCheck = new HealthCheckConfig { Active = new ActiveHealthCheckConfig { Enabled = true, Interval = TimeSpan.FromHours(1) } },
            Destinations = new Dictionary<string, DestinationConfig> { ["a"] = new() { Address = "tcp://127.0.0.1:1" } },
        };
        var route = new RouteConfig
        {
            RouteId = "r",
            ClusterId = "c",
            Match = new RouteMatch { Hosts = ["*:15432"] },
            Metadata = new Dictionary<string, string> { ["Splice.Mode"] = "Copy" },
        };
        var proxy = builder.Services.AddReverseProxy().LoadFromMemory([route], [cluster]);
        proxy = isBefore
            ? proxy.ConfigureHttpClient(static (_, _) => { }).AddSplice(static _ => { })
            : proxy.AddSplice(static _ => { }).ConfigureHttpClient(static (_, _) => { });
        using var app = builder.Build();
        if (isBefore)
        {
            app.MapReverseProxy();
            Assert.True(app.Services.GetRequiredService<IProxyStateLookup>().TryGetCluster("c", out var state));
            Assert.IsType<ProbingClient>(state.Model.HttpClient);
        }
        else
        {
            Assert.Contains("accepted is ConfigureHttpClient before AddSplice", Assert.ThrowsAny<Exception>(() => app.MapReverseProxy()).ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_cluster_keeps_its_client_while_its_HTTP_settings_stay()
    {
        var json = """
            { "Routes": { "r": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "*:15432" ] } } },
              "Clusters": { "c": { "Destinations": { "a": { "Address": "127.0.0.1:1" } PLACE } } } }
            """;
        var gateway = TestGateway.Create(json.Replace("PLACE", "", StringComparison.Ordinal));
        await using var app = gateway.App;
        Assert.True(app.Services.GetRequiredService<IProxyStateLookup>().TryGetCluster("c", out var cluster));
        var client = cluster.Model.HttpClient;
        gateway.Replace(json.Replace("PLACE", """, "b": { "Address": "127.0.0.1:2" } """, StringComparison.Ordinal));
        while (cluster.Destinations.Count < 2)
        {
            await Task.Delay(10, _patience.Token);
        }

        Assert.Same(client, cluster.Model.HttpClient);
    }

    private const string Active = """ "Active": { "Enabled": true, "Interval": "00:00:00.2", "Timeout": "00:00:02" } """;

    private async Task<TestGateway> StartAsync(
        string destinations, string healthCheck, string? metadata = null, string policy = "RoundRobin", bool onLinuxTransport = true)
    {
        var gateway = await TestGateway.StartAsync($$"""
            { "Routes": { "r": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "*:{{_port}}" ] } } },
              "Clusters": { "c": { "LoadBalancingPolicy": "{{policy}}", {{(metadata is null ? "" : metadata + ",")}}
                "HealthCheck": { {{healthCheck}} }, "Destinations": { {{destinations}} } } } }
            """, builder =>
        {
            builder.Services.RemoveAll<IRelayEngine>();
            builder.Services.Configure<ConsecutiveFailuresHealthPolicyOptions>(static options => options.DefaultThreshold = 1);
            if (!onLinuxTransport)
            {
                builder.WebHost.UseUrls($"http://127.0.0.1:{_port}");
            }
        }, onLinuxTransport);
        return gateway;
    }

    /// <summary>What the gauge says, by destination.</summary>
    private static (string Destination, int IsHealthy)[] Healthy(TestGateway gateway)
    {
        var readings = new List<(string Destination, int IsHealthy)>();
        using var listener = new MeterListener();
        var factory = gateway.App.Services.GetRequiredService<IMeterFactory>();
        listener.InstrumentPublished = (instrument, owner) =>
        {
            if (instrument.Name == "splice.destination.healthy" && ReferenceEquals(instrument.Meter.Scope, factory))
            {
                owner.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<int>((_, value, tags, _) =>
            readings.Add(((string)tags.ToArray().Single(static tag => tag.Key == "splice.destination").Value!, value)));
        listener.Start();
        listener.RecordObservableInstruments();
        return [.. readings.OrderBy(static reading => reading.Destination, StringComparer.Ordinal)];
    }

    private static TcpListener Listen()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return listener;
    }

    private static int PortOf(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Reads once from each connection, answers in pieces, and closes.</summary>
    private sealed class Answering : IDisposable
    {
        private readonly TcpListener _listener = Listen();
        private readonly string[] _pieces;

        public Answering(params string[] pieces)
        {
            _pieces = pieces;
            _ = AcceptAsync();
        }

        public int Port => PortOf(_listener);

        public System.Collections.Concurrent.ConcurrentQueue<string> Received { get; } = new();

        public void Dispose() => _listener.Dispose();

        private async Task AcceptAsync()
        {
            while (true)
            {
                var connection = await _listener.AcceptTcpClientAsync();
                _ = AnswerAsync(connection);
            }
        }

        private async Task AnswerAsync(TcpClient connection)
        {
            using (connection)
            {
                connection.NoDelay = true;
                var buffer = new byte[1000];
                var length = await connection.GetStream().ReadAsync(buffer);
                if (length == 0)
                {
                    return;
                }

                Received.Enqueue(Encoding.UTF8.GetString(buffer, 0, length));
                foreach (var piece in _pieces)
                {
                    await connection.GetStream().WriteAsync(Encoding.UTF8.GetBytes(piece));
                    await Task.Delay(20);
                }
            }
        }
    }
}
