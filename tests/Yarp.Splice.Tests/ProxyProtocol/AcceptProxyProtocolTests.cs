using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.Splice.Listening;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Relay;
using Yarp.Splice.Tests.Relay;
using Yarp.Splice.Tests.Tls;

namespace Yarp.Splice.Tests.ProxyProtocol;

/// <summary>PROXY protocol headers that come in, over real sockets. 127.0.0.1 is trusted, the rest of 127.0.0.0/8 is not.</summary>
public class AcceptProxyProtocolTests
{
    private const string Trusting = """ "AcceptProxyProtocol": [ "127.0.0.1", "10.0.0.0/8" ] """;

    public enum Place
    {
        OwnPort,
        KestrelPort,
        KestrelPortOfSocketTransport,
        OwnPortWithoutEventLoops,
    }

    [Theory]
    [InlineData(Place.OwnPort, "V1", "a.example")]
    [InlineData(Place.OwnPort, "V2", "a.example")]
    [InlineData(Place.OwnPort, "V2", "*")]
    [InlineData(Place.KestrelPort, "V1", "*")]
    [InlineData(Place.KestrelPort, "V2", "a.example")]
    public async Task The_client_of_the_header_is_the_client_and_its_bytes_begin_behind_it(Place place, string version, string name)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(place, port, Route("r", $"{name}:{port}", Trusting));
        var (header, hello) = (Header(version), Hello("a.example"));
        // The port's route does not wait for a hello where it is for all names.
        byte[] behind = name == "*" ? [] : hello;
        foreach (var pieces in new IEnumerable<byte[]>[] { [[.. header, .. hello]], header.Concat(behind).Select(static value => (byte[])[value]), [header, behind] })
        {
            using var client = await TestClient.ConnectAsync(port);
            foreach (var piece in pieces)
            {
                await client.SendAsync(piece);
            }

            Assert.Equal("relayed by r in mode Copy", await TestClient.ReadToEndAsync(client));
        }

        Assert.Equal([HeaderBytes.Client, HeaderBytes.Client, HeaderBytes.Client], gateway.Relay.Clients.Select(static facts => facts.RemoteEndPoint));
        Assert.Equal([hello, behind, behind], gateway.Relay.Prefixes);
    }

    [Theory]
    [InlineData(Place.OwnPort)]
    [InlineData(Place.KestrelPort)]
    [InlineData(Place.KestrelPortOfSocketTransport)]
    [InlineData(Place.OwnPortWithoutEventLoops)]
    public async Task The_server_may_speak_first_behind_the_header_and_gets_a_header_with_the_same_addresses(Place place)
    {
        using var upstream = new TcpListener(IPAddress.Loopback, 0);
        upstream.Start();
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(
            place, port, Route("r", $"*:{port}", Trusting + """ , "ProxyProtocol": "V1" """), (IPEndPoint)upstream.LocalEndpoint, isRelayReal: true);
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        using var client = await TestClient.ConnectAsync(port);
        await client.SendAsync(Header("V2"));
        using var server = await upstream.AcceptSocketAsync(patience.Token);
        await server.SendAsync("220 ready\r\n"u8.ToArray());
        server.Shutdown(SocketShutdown.Send);
        Assert.Equal("220 ready\r\n", await TestClient.ReadToEndAsync(client));

        await client.SendAsync("QUIT"u8.ToArray());
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal("PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\nQUIT", await TestClient.ReadToEndAsync(server));
    }

    [Theory]
    [InlineData(Place.OwnPort)]
    [InlineData(Place.KestrelPort)]
    [InlineData(Place.KestrelPortOfSocketTransport)]
    [InlineData(Place.OwnPortWithoutEventLoops)]
    public async Task A_header_from_whom_nobody_trusts_is_not_believed_and_the_connection_is_closed(Place place)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(place, port, Route("r", $"*:{port}", Trusting));
        using var readings = Readings(gateway);
        using var client = await TestClient.ConnectAsync(port, from: "127.0.0.2");
        try
        {
            await client.SendAsync(Header("V2"));
        }
        catch (SocketException)
        {
            // Closed already: nothing of it is waited for.
        }

        Assert.Equal("", await TestClient.ReadToEndAsync(client));
        Assert.Equal(1, readings.Sum("splice.refused", ("splice.reason", "proxy_untrusted")));
        await gateway.Log.WaitForAsync("Warning Yarp.Splice: A connection from ");
        Assert.Empty(gateway.Relay.Clients);
    }

    [Theory]
    [InlineData(Place.OwnPort, "GET / HTTP/1.1\r\n\r\n", false)]
    [InlineData(Place.OwnPort, "\u0016\u0003\u0001", false)]
    [InlineData(Place.OwnPort, "PROXY TCP4 192.0.2.1", true)]
    [InlineData(Place.KestrelPort, "GET / HTTP/1.1\r\n\r\n", false)]
    [InlineData(Place.KestrelPort, "PROXY TCP4 192.0.2.1", true)]
    [InlineData(Place.KestrelPortOfSocketTransport, "SSH", false)]
    [InlineData(Place.OwnPortWithoutEventLoops, "PROXY TCP4 192.0.2.1", true)]
    public async Task Who_sends_something_else_or_only_a_part_of_a_header_is_closed(Place place, string sent, bool finishes)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(place, port, Route("r", $"*:{port}", Trusting));
        using var readings = Readings(gateway);
        using var client = await TestClient.ConnectAsync(port);
        await client.SendAsync(Encoding.Latin1.GetBytes(sent));
        if (finishes)
        {
            client.Shutdown(SocketShutdown.Send);
        }

        Assert.Equal("", await TestClient.ReadToEndAsync(client));
        Assert.Equal(1, readings.Sum("splice.refused", ("splice.reason", "proxy_header_malformed")));
        Assert.Empty(gateway.Relay.Clients);
    }

    [Fact]
    public async Task A_check_that_only_connects_is_no_reason_to_complain()
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(Place.OwnPort, port, Route("r", $"*:{port}", Trusting));
        using var readings = Readings(gateway);
        using (var check = await TestClient.ConnectAsync(port))
        {
            check.Shutdown(SocketShutdown.Send);
            Assert.Equal("", await TestClient.ReadToEndAsync(check));
        }

        Assert.Equal(0, readings.Sum("splice.refused"));
    }

    [Theory]
    [InlineData(Place.OwnPort)]
    [InlineData(Place.KestrelPort)]
    [InlineData(Place.KestrelPortOfSocketTransport)]
    public async Task The_deadline_is_for_the_whole_header_and_not_for_the_next_byte(Place place)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(place, port, Route("r", $"*:{port}", Trusting + """ , "PrereadTimeout": "00:00:00.4" """));
        using var readings = Readings(gateway);
        // The gateway's begins when it accepts, which may be long before this test goes on.
        var clock = Stopwatch.StartNew();
        using var client = await TestClient.ConnectAsync(port);
        var ended = TestClient.ReadToEndAsync(client);
        foreach (var value in Header("V1"))
        {
            // Each byte well within the deadline, all of them far past it.
            if (await Task.WhenAny(ended, Task.Delay(150)) == ended)
            {
                break;
            }

            try
            {
                await client.SendAsync((byte[])[value]);
            }
            catch (SocketException)
            {
                break;
            }
        }

        Assert.Equal("", await ended);
        Assert.InRange(clock.Elapsed, TimeSpan.FromMilliseconds(350), TestGateway.Patience);
        Assert.Equal(1, readings.Sum("splice.refused", ("splice.reason", "proxy_header_timeout")));
    }

    [Theory]
    [InlineData(Place.OwnPort)]
    [InlineData(Place.KestrelPort)]
    public async Task Sources_are_those_of_the_real_client(Place place)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(place, port, Route("r", $"*:{port}", Trusting + """ , "DeniedSources": [ "192.0.2.0/24" ] """));
        using var readings = Readings(gateway);
        using (var denied = await TestClient.ConnectAsync(port))
        {
            await denied.SendAsync(Header("V2"));
            Assert.Equal("", await TestClient.ReadToEndAsync(denied));
        }

        using var local = await TestClient.ConnectAsync(port);
        await local.SendAsync(HeaderBytes.Block(0x20, 0, []));
        Assert.Equal("relayed by r in mode Copy", await TestClient.ReadToEndAsync(local));
        Assert.Equal(1, readings.Sum("splice.refused", ("splice.reason", "source_denied")));
        Assert.Equal("127.0.0.1", Plain(Assert.Single(gateway.Relay.Clients).RemoteEndPoint));
    }

    [Theory]
    [InlineData(Place.KestrelPort)]
    [InlineData(Place.KestrelPortOfSocketTransport)]
    public async Task On_a_mixed_port_names_are_passed_through_and_the_site_sees_the_real_client(Place place)
    {
        await using var upstream = await TlsSite.StartAsync("pass.example");
        var port = TestGateway.FreePort();
        await using var gateway = await StartSiteAsync(
            place, $$"""{ "Https": { "Url": "https://127.0.0.1:{{port}}" } }""", Route("pass", $"pass.example:{port}", Trusting), upstream.Port);
        Assert.Equal("pass.example HTTP/1.1", await GetAsync(port, "pass.example"));
        Assert.Equal("192.0.2.1:1234 198.51.100.2:443", await GetAsync(port, "site.example"));
    }

    [Theory]
    [InlineData(Place.KestrelPort, """ [ "127.0.0.1" ] """)]
    [InlineData(Place.KestrelPort, """ "127.0.0.1, ::1" """)]
    [InlineData(Place.KestrelPortOfSocketTransport, """ [ "127.0.0.1" ] """)]
    public async Task An_endpoint_of_Kestrels_without_TCP_routes_accepts_headers_too(Place place, string list)
    {
        var (trusting, other) = (TestGateway.FreePort(), TestGateway.FreePort());
        await using var gateway = await StartSiteAsync(
            place,
            $$"""
            { "Https": { "Url": "https://127.0.0.1:{{trusting}}", "AcceptProxyProtocol": {{list}} }, "Plain": { "Url": "http://127.0.0.1:{{other}}" } }
            """,
            routes: "");
        using var readings = Readings(gateway);
        Assert.Equal("192.0.2.1:1234 198.51.100.2:443", await GetAsync(trusting, "site.example"));

        using (var refused = await TestClient.ConnectAsync(trusting, from: "127.0.0.2"))
        {
            Assert.Equal("", await TestClient.ReadToEndAsync(refused));
        }

        Assert.Equal(1, readings.Sum("splice.refused", ("splice.reason", "proxy_untrusted")));
        using var http = new HttpClient();
        Assert.StartsWith("127.0.0.1:", await http.GetStringAsync(new Uri($"http://127.0.0.1:{other}/")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_in_code_accepts_headers_too()
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartSiteAsync(Place.KestrelPort, "{ }", routes: "", configure: builder =>
            builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, port, static endpoint =>
            {
                endpoint.UseHttps(TlsSite.CreateCertificate("site.example"));
                endpoint.AcceptProxyProtocol("127.0.0.1");
            })));
        Assert.Equal("192.0.2.1:1234 198.51.100.2:443", await GetAsync(port, "site.example"));
    }

    [Theory]
    [InlineData("true", "Endpoint 'Web': AcceptProxyProtocol has 'True'; accepted is a list of whom to believe,")]
    [InlineData("[ ]", "Endpoint 'Web': AcceptProxyProtocol is empty; accepted is a list of whom to believe,")]
    [InlineData("""[ "10.0.0.1/8" ]""", "Endpoint 'Web': AcceptProxyProtocol has '10.0.0.1/8'; accepted is 10.0.0.0/8 for the network or 10.0.0.1 for the address.")]
    [InlineData("""{ "From": "10.0.0.1" }""", "Endpoint 'Web': AcceptProxyProtocol is not a list; accepted is a list of whom to believe,")]
    public async Task An_endpoint_that_says_something_else_stops_the_start(string list, string message)
    {
        var exception = await Assert.ThrowsAnyAsync<Exception>(() => StartSiteAsync(
            Place.KestrelPort, $$"""{ "Web": { "Url": "http://127.0.0.1:0", "AcceptProxyProtocol": {{list}} } }""", routes: ""));
        Assert.Contains(message, exception.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(""" "AcceptProxyProtocol": [ "127.0.0.1" ] """)]
    public void Routes_of_a_port_that_do_not_agree_stop_the_start(string other)
    {
        var exception = Assert.Throws<InvalidOperationException>(() => TestGateway.Create(
            Proxy(Route("a", "a.example:15432", Trusting) + "," + Route("b", "b.example:15432", other), new IPEndPoint(IPAddress.Loopback, 9))));
        Assert.Contains("Route 'b': Splice:AcceptProxyProtocol is not the same as that of route 'a', and both are on port *:15432, where the header comes before " +
            "the name; accepted is the same list for all routes of a port.", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Routes_of_a_port_agree_in_whatever_order_they_name_the_same()
    {
        var gateway = TestGateway.Create(Proxy(
            Route("a", "a.example:15432", Trusting) + "," + Route("b", "b.example:15432", """ "AcceptProxyProtocol": "10.0.0.0/9, 127.0.0.1/32, 10.128.0.0/9" """),
            new IPEndPoint(IPAddress.Loopback, 9)));
        await using var app = gateway.App;
        Assert.Equal(2, app.Services.GetRequiredService<Routing.TcpRoutes>().Current.Routes.Count);
    }

    private static byte[] Header(string version) =>
        ProxyHeader.Create(Enum.Parse<ProxyProtocolVersion>(version), HeaderBytes.Client, HeaderBytes.Server);

    private static byte[] Hello(string name) => HelloBytes.Record(HelloBytes.Body([HelloBytes.Name(name)]));

    private static string Route(string id, string host, string splice) =>
        $$""" "{{id}}": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "{{host}}" ] }, "Splice": { {{splice}} } } """;

    private static string Proxy(string routes, IPEndPoint upstream) =>
        $$"""{ "Routes": { {{routes}} }, "Clusters": { "c": { "Destinations": { "d": { "Address": "{{upstream}}" } } } } }""";

    private static SpliceReadings Readings(TestGateway gateway) => new(gateway.App.Services.GetRequiredService<IMeterFactory>());

    private static string? Plain(EndPoint? endPoint) => (endPoint as IPEndPoint)?.Address.MapToIPv4().ToString();

    private static Task<TestGateway> StartAsync(Place place, int port, string routes, IPEndPoint? upstream = null, bool isRelayReal = false) =>
        TestGateway.StartAsync(
            Proxy(routes, upstream ?? new IPEndPoint(IPAddress.Loopback, 9)),
            builder =>
            {
                if (isRelayReal)
                {
                    builder.Services.RemoveAll<IRelayEngine>();
                }

                if (place == Place.OwnPortWithoutEventLoops)
                {
                    builder.Services.AddSingleton<IPortOpener, SocketPortOpener>();
                }
                else if (place != Place.OwnPort)
                {
                    builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, port));
                }
            },
            onLinuxTransport: place is Place.OwnPort or Place.KestrelPort);

    /// <summary>Kestrel's endpoints from configuration, with a site that answers with the addresses that it sees.</summary>
    private static async Task<TestGateway> StartSiteAsync(
        Place place, string endpoints, string routes, int upstreamPort = 9, Action<WebApplicationBuilder>? configure = null)
    {
        var gateway = TestGateway.Create(
            Proxy(routes, new IPEndPoint(IPAddress.Loopback, upstreamPort)),
            builder =>
            {
                builder.Services.RemoveAll<IRelayEngine>();
                builder.Configuration.Sources.Add(new JsonText($$"""{ "Kestrel": { "Endpoints": {{endpoints}} } }"""));
                builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel((context, options) =>
                {
                    options.ConfigureHttpsDefaults(static https => https.ServerCertificate = TlsSite.CreateCertificate("site.example"));
                    options.Configure(context.Configuration.GetSection("Kestrel"));
                });
                configure?.Invoke(builder);
            },
            onLinuxTransport: place == Place.KestrelPort);
        gateway.App.MapFallback(static context => context.Response.WriteAsync(
            $"{context.Connection.RemoteIpAddress}:{context.Connection.RemotePort} {context.Connection.LocalIpAddress}:{context.Connection.LocalPort}"));
        try
        {
            await gateway.App.StartAsync();
        }
        catch
        {
            await gateway.App.DisposeAsync();
            throw;
        }

        return gateway;
    }

    /// <summary>An HTTPS request behind a header.</summary>
    private static async Task<string> GetAsync(int port, string name)
    {
        using var client = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = { RemoteCertificateValidationCallback = static (_, _, _, _) => true },
            ConnectCallback = async (_, _) =>
            {
                var socket = await TestClient.ConnectAsync(port);
                await socket.SendAsync(Header("V2"));
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { Timeout = TestGateway.Patience };
        return await client.GetStringAsync(new Uri($"https://{name}:{port}/"));
    }
}
