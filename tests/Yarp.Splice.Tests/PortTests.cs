using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Yarp.Splice.Listening;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Tests;

public class PortTests
{
    [Fact]
    public async Task A_port_of_our_own_is_opened_and_hands_over()
    {
        var port = TestGateway.FreePort();
        await using var gateway = await TestGateway.StartAsync(Proxy(Route("a", port)));
        Assert.Equal("relayed by a in mode Splice", await TestGateway.ReadAllAsync(port));
        Assert.Contains(gateway.Log.Lines, line => line.Contains($"Route a listens on [::]:{port} (Splice).", StringComparison.Ordinal) ||
            line.Contains($"Route a listens on 0.0.0.0:{port} (Splice).", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Ports_come_and_go_with_the_configuration()
    {
        var (stays, goes, comes) = (TestGateway.FreePort(), TestGateway.FreePort(), TestGateway.FreePort());
        await using var gateway = await TestGateway.StartAsync(Proxy(Route("stays", stays), Route("goes", goes)));
        using var early = await ConnectAsync(stays);

        gateway.Replace(Proxy(Route("other", stays), Route("comes", comes)));
        await gateway.Log.WaitForAsync("Route comes listens on");

        Assert.Equal("relayed by comes in mode Splice", await TestGateway.ReadAllAsync(comes));
        Assert.Equal("relayed by other in mode Splice", await TestGateway.ReadAllAsync(stays));
        await Assert.ThrowsAnyAsync<SocketException>(() => ConnectAsync(goes));
        Assert.Single(gateway.Log.Lines, line => line.Contains($":{stays} (", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_changed_listen_address_moves_the_port()
    {
        var port = TestGateway.FreePort();
        await using var gateway = await TestGateway.StartAsync(Proxy(Route("a", port)));
        gateway.Replace(Proxy(Route("a", port, """ , "Splice": { "Listen": "127.0.0.2" } """)));
        await gateway.Log.WaitForAsync($"Route a listens on 127.0.0.2:{port}");
        await Assert.ThrowsAnyAsync<SocketException>(() => ConnectAsync(port));
    }

    [Fact]
    public async Task A_bad_reload_keeps_the_running_configuration_and_is_logged()
    {
        var (kept, refused) = (TestGateway.FreePort(), TestGateway.FreePort());
        await using var gateway = await TestGateway.StartAsync(Proxy(Route("a", kept)));

        gateway.Replace(Proxy(Route("b", refused, """ , "Splice": { "IdleTimeout": "never" } """)));
        await gateway.Log.WaitForAsync("the running one is kept: Route 'b': Splice:IdleTimeout is 'never'; accepted is");

        Assert.Equal("relayed by a in mode Splice", await TestGateway.ReadAllAsync(kept));
        await Assert.ThrowsAnyAsync<SocketException>(() => ConnectAsync(refused));

        gateway.Replace(Proxy(Route("b", refused)));
        await gateway.Log.WaitForAsync("Route b listens on");
        Assert.Equal("relayed by b in mode Splice", await TestGateway.ReadAllAsync(refused));
    }

    [Fact]
    public async Task A_port_in_use_stops_the_start_with_one_line()
    {
        using var other = new TcpListener(IPAddress.Any, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        var exception = await Assert.ThrowsAsync<SplicePortException>(() => TestGateway.StartAsync(Proxy(Route("a", port))));
        Assert.Equal($"Route 'a' cannot listen on *:{port}: the address is in use; stop what listens there, or give the route another port " +
            "in Match:Hosts.", exception.Message);
    }

    [Fact]
    public async Task A_port_in_use_at_a_reload_is_logged_and_the_rest_goes_on()
    {
        using var other = new TcpListener(IPAddress.Any, 0);
        other.Start();
        var used = ((IPEndPoint)other.LocalEndpoint).Port;
        var (first, second) = (TestGateway.FreePort(), TestGateway.FreePort());
        await using var gateway = await TestGateway.StartAsync(Proxy(Route("a", first)));
        gateway.Replace(Proxy(Route("a", first), Route("b", used), Route("c", second)));
        await gateway.Log.WaitForAsync($"Route 'b' cannot listen on *:{used}: the address is in use;");
        Assert.Equal("relayed by a in mode Splice", await TestGateway.ReadAllAsync(first));
        Assert.Equal("relayed by c in mode Splice", await TestGateway.ReadAllAsync(second));
    }

    [Fact]
    public async Task A_port_in_use_at_a_reload_is_opened_once_it_is_free_and_said_once()
    {
        var other = new TcpListener(IPAddress.Any, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        await using var gateway = await TestGateway.StartAsync(Proxy(Route("a", TestGateway.FreePort())));
        gateway.Replace(Proxy(Route("b", port)));
        await gateway.Log.WaitForAsync($"Route 'b' cannot listen on *:{port}: the address is in use;");

        other.Dispose();
        await gateway.Log.WaitForAsync("Route b listens on");

        Assert.Equal("relayed by b in mode Splice", await TestGateway.ReadAllAsync(port));
        Assert.Single(gateway.Log.Lines, static line => line.Contains("Route 'b' cannot listen", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_routes_that_swap_their_ports_leave_both_open()
    {
        var (one, two) = (TestGateway.FreePort(), TestGateway.FreePort());
        await using var gateway = await TestGateway.StartAsync(Proxy(Route("a", one), Route("b", two)));
        var changed = new TaskCompletionSource();
        gateway.App.Services.GetRequiredService<TcpRoutes>().Changed += changed.SetResult;

        gateway.Replace(Proxy(Route("a", two), Route("b", one)));
        await changed.Task.WaitAsync(TestGateway.Patience);

        Assert.Equal("relayed by b in mode Splice", await TestGateway.ReadAllAsync(one));
        Assert.Equal("relayed by a in mode Splice", await TestGateway.ReadAllAsync(two));
        Assert.DoesNotContain(gateway.Log.Lines, static line => line.Contains("is closed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_address_that_is_not_ours_stops_the_start()
    {
        var exception = await Assert.ThrowsAsync<SplicePortException>(() => TestGateway.StartAsync(
            Proxy(Route("a", TestGateway.FreePort(), """ , "Splice": { "Listen": "192.0.2.1" } """))));
        Assert.Contains("this machine does not have the address; set Splice:Listen to one that it has", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_privileged_port_without_permission_stops_the_start()
    {
        var exception = await Assert.ThrowsAsync<SplicePortException>(() => TestGateway.StartAsync(
            Proxy(Route("a", 80)), static builder => builder.Services.AddSingleton<IPortOpener, DeniedPorts>()));
        Assert.Equal("Route 'a' cannot listen on *:80: no permission for a port this low; give the route another port in Match:Hosts, set the " +
            "sysctl net.ipv4.ip_unprivileged_port_start to 80 or less, or give the process CAP_NET_BIND_SERVICE.", exception.Message);
    }

    [Fact]
    public async Task Stopping_closes_the_ports_and_drains()
    {
        var port = TestGateway.FreePort();
        var gateway = await TestGateway.StartAsync(Proxy(Route("a", port)));
        await using (gateway)
        {
            await gateway.App.StopAsync();
            await Assert.ThrowsAnyAsync<SocketException>(() => ConnectAsync(port));
            Assert.NotEqual(0, gateway.Relay.Drains);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_port_of_Kestrels_is_taken_over_before_TLS_whoever_sets_the_endpoint_defaults(bool codeFirst)
    {
        var (tcp, http) = (TestGateway.FreePort(), TestGateway.FreePort());
        await using var gateway = await TestGateway.StartAsync(Proxy(Route("a", tcp)), builder =>
            builder.WebHost.ConfigureKestrel(options =>
            {
                if (codeFirst)
                {
                    options.ConfigureEndpointDefaults(static endpoint => endpoint.Use(static next => next));
                }

                options.ListenLocalhost(tcp, static endpoint => endpoint.Use(static _ => static _ =>
                    throw new InvalidOperationException("The next middleware, TLS for example, must not see the connection.")));
                options.ListenLocalhost(http);
                if (!codeFirst)
                {
                    options.ConfigureEndpointDefaults(static endpoint => endpoint.Protocols = HttpProtocols.Http1);
                }
            }));

        Assert.Equal("relayed by a in mode Splice", await TestGateway.ReadAllAsync(tcp));
        Assert.Contains(gateway.Log.Lines, static line => line.Contains("Route a listens on", StringComparison.Ordinal) &&
            line.Contains("a port of Kestrel's", StringComparison.Ordinal));
        using var client = new HttpClient();
        using var response = await client.GetAsync(new Uri($"http://127.0.0.1:{http}/"));
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task A_port_of_Kestrels_becomes_a_tcp_port_on_reload_and_HTTP_again()
    {
        await using var gateway = await TestGateway.StartAsync(Proxy());
        var port = gateway.HttpPort;
        gateway.Replace(Proxy(Route("a", port)));
        await gateway.Log.WaitForAsync("Route a listens on");
        Assert.Equal("relayed by a in mode Splice", await TestGateway.ReadAllAsync(port));

        var changed = new TaskCompletionSource();
        gateway.App.Services.GetRequiredService<TcpRoutes>().Changed += changed.SetResult;
        gateway.Replace(Proxy());
        await changed.Task.WaitAsync(TestGateway.Patience);
        Assert.StartsWith("HTTP/1.1 404", await TestGateway.ReadAllAsync(port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_HTTP_request_never_reaches_a_tcp_route()
    {
        var web = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        web.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        await using var upstream = web.Build();
        upstream.Run(static context => context.Response.WriteAsync("the upstream"));
        await upstream.StartAsync();
        var upstreamPort = new Uri(upstream.Urls.First()).Port;
        var port = TestGateway.FreePort();

        await using var gateway = await TestGateway.StartAsync($$"""
            { "Routes": { "tcp": { "ClusterId": "t", "Mode": "Splice", "Match": { "Hosts": [ "*:{{port}}" ] } },
                          "http": { "ClusterId": "h", "Match": { "Path": "/open" } } },
              "Clusters": { "t": { "Destinations": { "a": { "Address": "127.0.0.1:{{upstreamPort}}" } } },
                            "h": { "Destinations": { "a": { "Address": "http://127.0.0.1:{{upstreamPort}}" } } } } }
            """);

        Assert.Equal(HttpStatusCode.NotFound, await GetAsync("/"));
        Assert.Equal(HttpStatusCode.OK, await GetAsync("/open"));

        async Task<HttpStatusCode> GetAsync(string path)
        {
            using var client = new HttpClient();
            using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{gateway.HttpPort}{path}");
            request.Headers.Host = $"anything:{port}";
            using var response = await client.SendAsync(request);
            return response.StatusCode;
        }
    }

    private static string Route(string id, int port, string more = "") =>
        $$""" "{{id}}": { "ClusterId": "c", "Mode": "Splice", "Match": { "Hosts": [ "*:{{port}}" ] } {{more}} } """;

    private static string Proxy(params string[] routes) =>
        $$"""{ "Routes": { {{string.Join(',', routes)}} }, "Clusters": { "c": { "Destinations": { "d": { "Address": "127.0.0.1:9" } } } } }""";

    private static async Task<TcpClient> ConnectAsync(int port)
    {
        var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port);
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }
}
