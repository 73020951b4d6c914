using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Observe;

/// <summary>The admin endpoint: what it shows, what it does, and what it refuses.</summary>
public sealed class AdminTests : IDisposable
{
    private const string Destination = "/api/clusters/tcp/destinations/a";

    private readonly CancellationTokenSource _timeout = new(Deadline.Default);
    private readonly TcpUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    public static TheoryData<string, string, string?, string?, int> Refusals => new()
    {
        { "GET", "/nothing", null, null, 404 },
        { "GET", "/api/sessions/77", null, null, 404 },
        { "GET", "/api/sessions/x", null, null, 404 },
        { "DELETE", "/api/sessions/77", AdminClient.Token, null, 404 },
        { "POST", "/api/clusters/tcp/destinations/zz", AdminClient.Token, """{"action":"drain"}""", 404 },
        { "POST", "/metrics", null, null, 405 },
        { "PUT", "/api/sessions/1", AdminClient.Token, null, 405 },
        { "OPTIONS", Destination, null, null, 405 },
        { "GET", Destination, AdminClient.Token, null, 405 },
        { "GET", "/api/sessions?limit=0", null, null, 400 },
        { "GET", "/api/sessions?limit=1001", null, null, 400 },
        { "GET", "/api/sessions?after=-1", null, null, 400 },
        { "GET", "/api/sessions?afer=1", null, null, 400 },
        { "POST", Destination, AdminClient.Token, null, 400 },
        { "POST", Destination, AdminClient.Token, "{", 400 },
        { "POST", Destination, AdminClient.Token, "[]", 400 },
        { "POST", Destination, AdminClient.Token, """{"action":1}""", 400 },
        { "POST", Destination, AdminClient.Token, """{"action":"explode"}""", 400 },
        { "POST", Destination, AdminClient.Token, """{"action":"\ud800"}""", 400 },
        { "POST", Destination, AdminClient.Token, """{"\ud800":"cut"}""", 400 },
        { "POST", Destination, AdminClient.Token, """{"action":"drain","more":1}""", 400 },
        { "DELETE", "/api/sessions/1", null, null, 401 },
        { "POST", Destination, null, """{"action":"cut"}""", 401 },
        { "POST", Destination, AdminClient.Token + "x", """{"action":"cut"}""", 401 },
        { "GET", "/metrics", "wrong", null, 401 },
    };

    public void Dispose()
    {
        _upstream.Dispose();
        _timeout.Dispose();
    }

    [Fact]
    public async Task Bad_requests_get_the_right_status_and_a_reason()
    {
        await using var gateway = await StartAsync();
        using var admin = await AdminClient.FindAsync(gateway);
        foreach (var data in Refusals)
        {
            var (method, path, token, body, status) = ((string)data[0]!, (string)data[1]!, (string?)data[2], (string?)data[3], (int)data[4]!);
            using var response = await admin.SendAsync(new HttpMethod(method), path, token, body);
            var text = await response.Content.ReadAsStringAsync(_timeout.Token);

            Assert.True(status == (int)response.StatusCode, $"{method} {path} {body}: {(int)response.StatusCode} {text}");
            Assert.False(string.IsNullOrEmpty(JsonNode.Parse(text)!["error"]!.GetValue<string>()));
            Assert.Equal(status == 405, response.Content.Headers.Allow.Count > 0);
            Assert.Equal(status == 401, response.Headers.WwwAuthenticate.Count > 0);
        }
    }

    [Fact]
    public async Task Other_sites_and_rebound_names_get_nothing()
    {
        await using var gateway = await StartAsync();
        using var admin = await AdminClient.FindAsync(gateway);
        await AssertStatusAsync(HttpStatusCode.MisdirectedRequest, admin.SendAsync(HttpMethod.Get, "/api/sessions", null, null, ("Host", "evil.example")));
        await AssertStatusAsync(HttpStatusCode.MisdirectedRequest, admin.SendAsync(HttpMethod.Get, "/metrics", null, null, ("Host", "evil.example:9901")));
        await AssertStatusAsync(HttpStatusCode.OK, admin.SendAsync(HttpMethod.Get, "/metrics", null, null, ("Host", "localhost:9901")));
        await AssertStatusAsync(HttpStatusCode.Forbidden, admin.SendAsync(HttpMethod.Get, "/metrics", null, null, ("Origin", "http://evil.example")));
        await AssertStatusAsync(HttpStatusCode.Forbidden, admin.SendAsync(HttpMethod.Get, "/metrics", null, null, ("Sec-Fetch-Site", "cross-site")));
        await AssertStatusAsync(HttpStatusCode.Forbidden,
            admin.SendAsync(HttpMethod.Post, Destination, AdminClient.Token, """{"action":"cut"}""", ("Origin", "http://evil.example")));
        using var preflight = await admin.SendAsync(
            HttpMethod.Options, Destination, null, null, ("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST"));
        Assert.DoesNotContain(preflight.Headers, static header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Sessions_are_shown_with_live_byte_counts_and_one_can_be_cut()
    {
        await using var gateway = await StartAsync();
        using var admin = await AdminClient.FindAsync(gateway);
        using var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token);
        using var server = await _upstream.AcceptAsync(_timeout.Token);
        await client.SendAsync(new byte[500], _timeout.Token);
        await server.ReceiveAsync(new byte[500], _timeout.Token);

        var page = await admin.GetAsync("/api/sessions?route=tcp");
        var session = Assert.Single(page["sessions"]!.AsArray())!;
        Assert.Equal((1, 500), (page["total"]!.GetValue<int>(), session["bytesToUpstream"]!.GetValue<long>()));
        Assert.Equal(client.LocalEndPoint!.ToString(), session["client"]!.GetValue<string>());
        Assert.Empty((await admin.GetAsync("/api/sessions?route=other"))["sessions"]!.AsArray());
        var path = $"/api/sessions/{session["id"]}";
        Assert.Equal("a", (await admin.GetAsync(path))["destination"]!.GetValue<string>());
        await AssertStatusAsync(HttpStatusCode.OK, admin.SendAsync(HttpMethod.Delete, path, AdminClient.Token));
        await Assert.ThrowsAsync<SocketException>(async () => await client.ReceiveAsync(new byte[1], _timeout.Token));
        await Deadline.UntilAsync(
            async () => (await admin.GetAsync("/api/sessions"))["total"]!.GetValue<int>() == 0, static () => "the session is still there");
    }

    [Fact]
    public async Task A_drained_destination_gets_nothing_new_and_keeps_what_it_has_until_it_is_cut()
    {
        await using var gateway = await StartAsync();
        using var admin = await AdminClient.FindAsync(gateway);
        using var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token);
        using var server = await _upstream.AcceptAsync(_timeout.Token);

        await AssertStatusAsync(HttpStatusCode.OK, admin.SendAsync(HttpMethod.Post, Destination, AdminClient.Token, """{"action":"drain"}"""));
        using (var refused = await TcpUpstream.ConnectAsync(_port, _timeout.Token))
        {
            Assert.Equal(0, await refused.ReceiveAsync(new byte[1], _timeout.Token));
        }

        await client.SendAsync("on"u8.ToArray(), _timeout.Token);
        Assert.Equal(2, await server.ReceiveAsync(new byte[2], _timeout.Token));
        var shown = Assert.Single((await admin.GetAsync("/api/destinations")).AsArray())!;
        Assert.True(shown["draining"]!.GetValue<bool>());
        Assert.False(shown["available"]!.GetValue<bool>());
        Assert.Equal(1, shown["active"]!.GetValue<int>());

        await AssertStatusAsync(HttpStatusCode.OK, admin.SendAsync(HttpMethod.Post, Destination, AdminClient.Token, """{"action":"resume"}"""));
        using (await TcpUpstream.ConnectAsync(_port, _timeout.Token))
        using (await _upstream.AcceptAsync(_timeout.Token))
        {
            await AssertStatusAsync(HttpStatusCode.OK, admin.SendAsync(HttpMethod.Post, Destination, AdminClient.Token, """{"action":"cut"}"""));
            await Assert.ThrowsAsync<SocketException>(async () => await client.ReceiveAsync(new byte[1], _timeout.Token));
        }
    }

    [Fact]
    public async Task Routes_workers_and_topology_are_told()
    {
        await using var gateway = await StartAsync("--LinuxTransport:ThreadCount=2");
        using var admin = await AdminClient.FindAsync(gateway);

        var route = Assert.Single((await admin.GetAsync("/api/routes")).AsArray())!;
        Assert.Equal(("tcp", "tcp", "Copy", "tcp", $"*:{_port}"), (route["id"]!.GetValue<string>(), route["kind"]!.GetValue<string>(),
            route["mode"]!.GetValue<string>(), route["cluster"]!.GetValue<string>(), route["hosts"]![0]!.GetValue<string>()));
        var workers = (await admin.GetAsync("/api/workers")).AsArray();
        Assert.Equal([0, 1], workers.Select(static worker => worker!["worker"]!.GetValue<int>()));
        Assert.All(workers, static worker => Assert.Null(worker!["nodeLocal"]));
        Assert.True((await admin.GetAsync("/api/topology"))["processors"]!.GetValue<int>() > 0);
        Assert.Equal("ready", (await admin.GetAsync("/api/live"))["state"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_worker_tells_the_share_of_its_connections_that_arrive_on_its_memory_node()
    {
        await using var gateway = await StartAsync("--LinuxTransport:ThreadCount=1");
        using var admin = await AdminClient.FindAsync(gateway);
        using var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token);
        using var server = await _upstream.AcceptAsync(_timeout.Token);

        // The session is there before the worker has counted its connection.
        JsonNode? worker = null;
        await Deadline.UntilAsync(
            async () => (worker = Assert.Single((await admin.GetAsync("/api/workers")).AsArray())!)["accepted"]!.GetValue<int>() == 1,
            () => worker!.ToJsonString());
        // Of a worker that isn't pinned the node is known if there is one only.
        var isKnown = (await admin.GetAsync("/api/topology"))["nodes"]!.AsArray().Count <= 1;
        Assert.Equal(isKnown ? 1 : null, worker!["nodeLocal"]?.GetValue<double>());
    }

    [Fact]
    public async Task Readiness_goes_before_the_gateway_does()
    {
        await using var gateway = await StartAsync("--ShutdownDelay=00:00:20");
        using var admin = await AdminClient.FindAsync(gateway);
        await AssertStatusAsync(HttpStatusCode.OK, admin.SendAsync(HttpMethod.Get, "/readyz"));
        gateway.Program.Terminate();
        await Deadline.UntilAsync(
            async () =>
            {
                using var answer = await admin.SendAsync(HttpMethod.Get, "/readyz");
                return answer.StatusCode == HttpStatusCode.ServiceUnavailable;
            },
            static () => "it still says that it is ready");
        await AssertStatusAsync(HttpStatusCode.OK, admin.SendAsync(HttpMethod.Get, "/healthz"));
        gateway.Program.Terminate();
        await gateway.Program.WaitForExitAsync();
    }

    [Fact]
    public async Task Public_endpoints_serve_no_admin_path_and_the_admin_endpoint_no_route()
    {
        await using var upstream = await HttpUpstream.StartAsync();
        var port = FreePort.Next();
        var configuration = GatewayConfiguration.Http(
            upstream.Address, new JsonObject { ["Http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{port}") });
        await using var gateway = await Gateway.StartAsync(configuration);
        using var admin = await AdminClient.FindAsync(gateway);
        using var http = new HttpClient { Timeout = Deadline.Default };

        // The upstream says Hello to every path.
        Assert.Equal("Hello", await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/metrics"), _timeout.Token));
        Assert.Equal("Hello", await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/api/sessions"), _timeout.Token));
        await AssertStatusAsync(HttpStatusCode.NotFound, admin.SendAsync(HttpMethod.Get, "/hello"));
        // Without a configured token nothing can be done, whatever is sent.
        await AssertStatusAsync(HttpStatusCode.Forbidden, admin.SendAsync(HttpMethod.Delete, "/api/sessions/1", "anything"));
    }

    [Fact]
    public async Task On_an_address_for_others_everything_but_the_probes_needs_the_token()
    {
        await using var gateway = await StartAsync("--Admin:Url=http://0.0.0.0:0");
        using var admin = await AdminClient.FindAsync(gateway);
        await AssertStatusAsync(HttpStatusCode.OK, admin.SendAsync(HttpMethod.Get, "/healthz"));
        await AssertStatusAsync(HttpStatusCode.OK, admin.SendAsync(HttpMethod.Get, "/"));
        await AssertStatusAsync(HttpStatusCode.Unauthorized, admin.SendAsync(HttpMethod.Get, "/metrics"));
        await AssertStatusAsync(HttpStatusCode.OK, admin.SendAsync(HttpMethod.Get, "/metrics", AdminClient.Token, null, ("Host", "gateway.example")));
    }

    [Fact]
    public async Task A_flood_is_refused_and_does_not_reach_the_data_path()
    {
        await using var gateway = await StartAsync();
        using var admin = await AdminClient.FindAsync(gateway);
        using var client = await TcpUpstream.ConnectAsync(_port, _timeout.Token);
        using var server = await _upstream.AcceptAsync(_timeout.Token);
        var flood = Enumerable.Range(0, 600).Select(async _ =>
        {
            using var response = await admin.SendAsync(HttpMethod.Get, "/api/sessions");
            return response.StatusCode;
        }).ToArray();
        for (var i = 0; i < 200; i++)
        {
            await client.SendAsync("x"u8.ToArray(), _timeout.Token);
            Assert.Equal(1, await server.ReceiveAsync(new byte[1], _timeout.Token));
        }

        var answers = await Task.WhenAll(flood);
        Assert.Contains(HttpStatusCode.TooManyRequests, answers);
        Assert.All(answers, static status => Assert.True(status is HttpStatusCode.OK or HttpStatusCode.TooManyRequests));
        await AssertStatusAsync(HttpStatusCode.OK, admin.SendAsync(HttpMethod.Get, "/healthz"));
    }

    [Fact]
    public async Task A_port_in_use_is_a_clear_error()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, GatewayConfiguration.Tcp("Copy", _port, _upstream.Port).ToJsonString(), _timeout.Token);
        await using var gateway = Gateway.Run("--config", file, $"--Admin:Url=http://{taken.LocalEndpoint}");
        Assert.Equal(1, await gateway.WaitForExitAsync());
        File.Delete(file);
        Assert.Contains($"Admin:Url is 'http://{taken.LocalEndpoint}': the address is in use by another program; choose another with --Admin:Url=", gateway.Error, StringComparison.Ordinal);
        Assert.Single(gateway.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Off_means_that_nothing_listens()
    {
        await using var gateway = await StartAsync("--Admin:Url=off");
        Assert.DoesNotContain("Admin endpoint", gateway.Program.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hostile_host_header_is_no_way_around()
    {
        await using var gateway = await StartAsync();
        using var admin = await AdminClient.FindAsync(gateway);
        using var raw = await TcpUpstream.ConnectAsync(admin.Address.Port, _timeout.Token);
        await raw.SendAsync(Encoding.ASCII.GetBytes("GET http://127.0.0.1/metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"), _timeout.Token);
        await using var stream = new NetworkStream(raw);
        using var reader = new StreamReader(stream);
        var answer = await reader.ReadToEndAsync(_timeout.Token);
        Assert.Matches("^HTTP/1.1 (400|421) ", answer);
    }

    private static async Task AssertStatusAsync(HttpStatusCode expected, Task<HttpResponseMessage> asking)
    {
        using var response = await asking;
        Assert.True(expected == response.StatusCode, $"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
    }

    private Task<Gateway> StartAsync(params string[] arguments) => Gateway.StartAsync(
        GatewayConfiguration.Tcp("Copy", _port, _upstream.Port), [$"--Admin:Token={AdminClient.Token}", .. arguments]);
}
