using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Observe;

/// <summary>/metrics through a strict parser, while traffic flows: the sums are what clients and servers counted themselves.</summary>
public sealed partial class MetricsTests : IDisposable
{
    private const int Sessions = 8;
    private const int Up = 300_000;
    private const int Down = 200_000;

    private readonly CancellationTokenSource _timeout = new(Deadline.Default);
    private readonly TcpUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    public void Dispose()
    {
        _upstream.Dispose();
        _timeout.Dispose();
    }

    [Theory]
    [InlineData("Copy")]
    [InlineData("Splice")]
    [InlineData("Sockmap")]
    public async Task The_sums_equal_what_the_clients_counted_while_sessions_live_and_after(string mode)
    {
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp(mode, _port, _upstream.Port));
        using var admin = await AdminClient.FindAsync(gateway);
        var pairs = new List<(Socket Client, Socket Server)>();
        for (var i = 0; i < Sessions; i++)
        {
            pairs.Add((await TcpUpstream.ConnectAsync(_port, _timeout.Token), await _upstream.AcceptAsync(_timeout.Token)));
        }

        var transfers = pairs.Select(pair => TransferAsync(pair.Client, pair.Server)).ToArray();
        var last = 0d;
        while (!Task.WhenAll(transfers).IsCompleted)
        {
            // Whatever moment it is, the text is well-formed and no counter falls.
            var bytes = (await admin.ScrapeAsync()).Sum("splice_bytes_total");
            Assert.InRange(bytes, last, Sessions * (Up + Down));
            last = bytes;
        }

        await Task.WhenAll(transfers);
        var metrics = await ScrapeUntilAsync(admin, "splice_bytes_total", Sessions * (Up + Down));
        Assert.Equal(Sessions * Up, metrics.Sum("splice_bytes_total", ("direction", "upstream"), ("splice_route", "tcp"), ("splice_destination", "a")));
        Assert.Equal(Sessions, metrics.Sum("splice_sessions_active", ("splice_cluster", "tcp")));
        Assert.Equal(Sessions, metrics.Sum("splice_connect_duration_seconds_count", ("splice_destination", "a")));
        Assert.Equal(Sessions, metrics.Sum("splice_first_byte_duration_seconds_count", ("splice_destination", "a")));

        pairs.ForEach(static pair =>
        {
            pair.Client.Dispose();
            pair.Server.Dispose();
        });
        metrics = await ScrapeUntilAsync(admin, "splice_session_duration_seconds_count", Sessions);
        Assert.Equal(Sessions * (Up + Down), metrics.Sum("splice_bytes_total"));
        Assert.Equal(0, metrics.Sum("splice_sessions_active"));
        Assert.Equal(Sessions, metrics.Sum("splice_session_duration_seconds_count", ("splice_outcome", "finished")));
        Assert.Equal(1, metrics.Sum("gateway_ready"));
        Assert.Equal(1, metrics.Sum("gateway_destination_available", ("gateway_cluster", "tcp"), ("gateway_destination", "a")));
        Assert.True(metrics.Sum("transport_linux_loop_busy_seconds_total") > 0);
    }

    [Fact]
    public async Task Http_kestrel_and_the_runtime_are_there_and_names_with_quotes_are_escaped()
    {
        await using var upstream = await HttpUpstream.StartAsync();
        var port = FreePort.Next();
        var configuration = GatewayConfiguration.Http(
            upstream.Address, new JsonObject { ["Http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{port}") });
        var routes = configuration["ReverseProxy"]!["Routes"]!.AsObject();
        var site = routes["site"]!.DeepClone();
        routes.Clear();
        routes["a \"quoted\" \\ route\n"] = site;
        await using var gateway = await Gateway.StartAsync(configuration);
        using var admin = await AdminClient.FindAsync(gateway);
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = Deadline.Default };
        await admin.ScrapeAsync();
        for (var i = 0; i < 5; i++)
        {
            await http.GetStringAsync(new Uri("/", UriKind.Relative), _timeout.Token);
        }

        var metrics = await ScrapeUntilAsync(admin, "gateway_http_request_duration_seconds_count", 5);
        Assert.Equal(5, metrics.Sum("gateway_http_request_duration_seconds_count",
            ("gateway_route", "a \"quoted\" \\ route\n"), ("gateway_cluster", "web"), ("gateway_destination", "a"), ("gateway_status", "2xx")));
        Assert.Equal(5, metrics.Sum("http_server_request_duration_seconds_count"));
        Assert.Equal("counter", metrics.Types["dotnet_gc_collections_total"]);
        Assert.Equal("gauge", metrics.Types["kestrel_active_connections"]);
        Assert.Equal("histogram", metrics.Types["http_client_request_duration_seconds"]);
        // Nor does the admin endpoint count itself.
        Assert.Equal(1, metrics.Sum("kestrel_active_connections"));
    }

    [Fact]
    public async Task Refusals_and_failures_are_counted_by_reason()
    {
        var nobody = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Copy", _port, nobody));
        using var admin = await AdminClient.FindAsync(gateway);
        using (var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token))
        {
            Assert.Equal(0, await client.ReceiveAsync(new byte[1], _timeout.Token));
        }

        var metrics = await ScrapeUntilAsync(admin, "splice_session_duration_seconds_count", 1);
        Assert.Equal(1, metrics.Sum("splice_session_duration_seconds_count", ("splice_outcome", "connect_failed"), ("splice_path", "None")));
        Assert.True(metrics.Sum("splice_connect_failures_total", ("splice_destination", "a")) >= 1);
    }

    [Fact]
    public async Task Otlp_sends_the_same_instruments()
    {
        await using var collector = await OtlpCollector.StartAsync();
        var environment = new Dictionary<string, string>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        };
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Copy", _port, _upstream.Port), environment);
        using (var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token))
        using (var server = await _upstream.AcceptAsync(_timeout.Token))
        {
            await client.SendAsync(new byte[5], _timeout.Token);
            await server.ReceiveAsync(new byte[5], _timeout.Token);
        }

        // The last export is made at the stop.
        Assert.Equal(0, await gateway.StopAsync());
        Assert.Contains("splice.bytes", collector.Names);
        Assert.Contains("splice.session.duration", collector.Names);
        Assert.Contains("transport.linux.loop.busy", collector.Names);
        Assert.Contains("gateway.info", collector.Names);
    }

    [Fact]
    public void The_parser_accepts_the_format_and_refuses_what_is_not()
    {
        const string Good = "# HELP a_total x\n# TYPE a_total counter\na_total{b=\"c\\\"\\\\\\n\"} 1\n";
        Assert.Equal(1, PrometheusParser.Parse(Good).Sum("a_total", ("b", "c\"\\\n")));
        foreach (var bad in new[]
        {
            "a_total 1\n", Good + "a_total{b=\"c\\\"\\\\\\n\"} 2\n", Good + "# TYPE a_total counter\n", Good[..^1],
            Good.Replace("c\\\"", "c\"", StringComparison.Ordinal), "# TYPE a counter\na 1\n", "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n",
            "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
            "# TYPE h histogram\nh_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
            "# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n", "# TYPE a gauge\na{b=\"1\"c=\"2\"} 1\n", "# TYPE a gauge\na one\n",
        })
        {
            Assert.ThrowsAny<FormatException>(() => PrometheusParser.Parse(bad));
        }
    }

    [Theory]
    [InlineData("deploy/grafana/gateway.json")]
    [InlineData("deploy/prometheus/alerts.yaml")]
    public async Task Every_metric_and_label_that_the_ready_made_files_use_exists(string file)
    {
        await using var upstream = await HttpUpstream.StartAsync();
        var (httpPort, limitedPort, namedPort) = (FreePort.Next(), FreePort.Next(), FreePort.Next());
        var socketFile = Path.Combine(Path.GetTempPath(), $"gateway-{Guid.NewGuid():N}.sock");
        var configuration = GatewayConfiguration.Http(
            upstream.Address, new JsonObject { ["Http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{httpPort}") });
        var (routes, clusters) = (configuration["ReverseProxy"]!["Routes"]!, configuration["ReverseProxy"]!["Clusters"]!);
        routes["tcp"] = GatewayConfiguration.TcpRoute("Splice", _port, "tcp");
        routes["limited"] = GatewayConfiguration.TcpRoute("Sockmap", limitedPort, "limited");
        routes["limited"]!["Splice"]!["MaxConnections"] = 1;
        routes["named"] = GatewayConfiguration.TcpRoute("Copy", namedPort, "tcp");
        routes["named"]!["Match"]!["Hosts"] = new JsonArray($"name.example:{namedPort}");
        clusters["tcp"] = GatewayConfiguration.Cluster($"tcp://127.0.0.1:{_upstream.Port}");
        clusters["limited"] = GatewayConfiguration.Cluster($"unix:{socketFile}");
        clusters["limited"]!["LoadBalancingPolicy"] = "FirstAlphabetical";
        clusters["limited"]!["Destinations"]!["0"] = new JsonObject { ["Address"] = $"tcp://127.0.0.1:{FreePort.Next()}" };
        using var local = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        local.Bind(new UnixDomainSocketEndPoint(socketFile));
        local.Listen();
        await using var gateway = await Gateway.StartAsync(configuration);
        using var admin = await AdminClient.FindAsync(gateway);
        var used = Names().Matches(await File.ReadAllTextAsync(Path.Combine(Gateway.RepositoryRoot, file))).Select(static match => match.Value).Distinct().ToArray();
        Assert.True(used.Length > 10);

        // One of each that only shows once it has happened: a failure to connect, a fallback, a refusal, a look for a server name.
        using (var http = new HttpClient { Timeout = Deadline.Default })
        {
            await http.GetStringAsync(new Uri($"http://127.0.0.1:{httpPort}/"), _timeout.Token);
        }

        using (var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token))
        using (var server = await _upstream.AcceptAsync(_timeout.Token))
        {
            await TransferAsync(client, server);
        }

        using var nameless = await TcpUpstream.ConnectAsync(namedPort, _timeout.Token);
        await nameless.SendAsync("not TLS"u8.ToArray(), _timeout.Token);

        using var first = await TcpUpstream.ConnectAsync(limitedPort, _timeout.Token);
        using var accepted = await local.AcceptAsync(_timeout.Token);
        using var second = await TcpUpstream.ConnectAsync(limitedPort, _timeout.Token);
        Assert.Equal(0, await second.ReceiveAsync(new byte[1], _timeout.Token));

        string[] missing = [];
        await Deadline.UntilAsync(
            async () =>
            {
                var metrics = await admin.ScrapeAsync();
                missing = [.. used.Where(name => !metrics.Samples.Any(sample => sample.Name == name || sample.Labels.ContainsKey(name)))];
                return missing.Length == 0;
            },
            () => $"not in /metrics: {string.Join(", ", missing)}");
        File.Delete(socketFile);
    }

    private static async Task<PrometheusParser> ScrapeUntilAsync(AdminClient admin, string name, double sum)
    {
        PrometheusParser metrics = null!;
        await Deadline.UntilAsync(
            async () => (metrics = await admin.ScrapeAsync()).Sum(name) == sum, () => $"{name} is {metrics.Sum(name)}, not {sum}");
        return metrics;
    }

    private async Task TransferAsync(Socket client, Socket server)
    {
        await using var clientStream = new NetworkStream(client);
        await using var serverStream = new NetworkStream(server);
        for (var i = 0; i < 10; i++)
        {
            var sent = clientStream.WriteAsync(new byte[Up / 10], _timeout.Token);
            await serverStream.ReadExactlyAsync(new byte[Up / 10], _timeout.Token);
            await sent;
            var answered = serverStream.WriteAsync(new byte[Down / 10], _timeout.Token);
            await clientStream.ReadExactlyAsync(new byte[Down / 10], _timeout.Token);
            await answered;
        }
    }

    [GeneratedRegex(@"\b(splice|transport_linux|gateway|dotnet|kestrel|http_server|http_client|process)_[a-z0-9_]+\b")]
    private static partial Regex Names();
}
