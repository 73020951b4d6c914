using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Transport.Linux;
using Yarp.Splice.Relay;
using Yarp.Splice.Tests.Relay;
using Yarp.Splice.Tests.Tls;

namespace Yarp.Splice.Tests;

/// <summary>Routes by TLS server name, over real sockets: on ports of our own, and on ports of Kestrel's on both transports.</summary>
public class ServerNameRoutingTests
{
    public enum Place
    {
        OwnPort,
        KestrelPort,
        KestrelPortOfSocketTransport,
    }

    [Theory]
    [InlineData(Place.OwnPort, "a.example", "exact")]
    [InlineData(Place.OwnPort, "A.Example.", "exact")]
    [InlineData(Place.OwnPort, "b.a.example", "wildcard")]
    [InlineData(Place.OwnPort, "c.b.a.example", "wildcard")]
    [InlineData(Place.OwnPort, "other.example", "rest")]
    [InlineData(Place.OwnPort, null, "rest")]
    [InlineData(Place.KestrelPort, "a.example", "exact")]
    [InlineData(Place.KestrelPort, "b.a.example", "wildcard")]
    [InlineData(Place.KestrelPort, null, "rest")]
    public async Task The_most_exact_name_gets_the_connection_with_all_its_bytes(Place place, string? name, string route)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(place, port, Route("exact", $"a.example:{port}"), Route("wildcard", $"*.a.example:{port}"), Route("rest", $"*:{port}"));
        var hello = Hello(name);
        Assert.Equal($"relayed by {route} in mode Splice", await ExchangeAsync(port, [hello]));
        Assert.Equal(hello, Assert.Single(gateway.Relay.Prefixes));
    }

    [Theory]
    [InlineData(Place.OwnPort)]
    [InlineData(Place.KestrelPort)]
    public async Task A_hello_may_arrive_byte_by_byte_and_in_many_records(Place place)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(place, port, Route("a", $"a.example:{port}"));
        var hello = HelloBytes.Records(HelloBytes.Message(HelloBytes.Body([HelloBytes.Name("a.example")])), 7);
        Assert.Equal("relayed by a in mode Splice", await ExchangeAsync(port, hello.Select(static value => (byte[])[value])));
        Assert.Equal(hello, Assert.Single(gateway.Relay.Prefixes));
    }

    [Theory]
    [InlineData(Place.OwnPort, "PRI * HTTP/2.0")]
    [InlineData(Place.OwnPort, "\u0016\u0003\u0001\0\u0004\u0001\0\0\0")]
    [InlineData(Place.OwnPort, "\u0080\u002e\u0001\u0003\u0001")]
    [InlineData(Place.OwnPort, "")]
    [InlineData(Place.KestrelPort, "\u0016\u0003\u0001\0\u0004\u0001\0\0\0")]
    [InlineData(Place.KestrelPort, "SSH-2.0-x")]
    public async Task What_has_no_name_goes_to_the_route_for_the_rest(Place place, string sent)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(place, port, Route("a", $"a.example:{port}"), Route("rest", $"*:{port}"));
        var bytes = Encoding.Latin1.GetBytes(sent);
        Assert.Equal("relayed by rest in mode Splice", await ExchangeAsync(port, [bytes], finishes: true));
        Assert.Equal(bytes, Assert.Single(gateway.Relay.Prefixes));
    }

    [Theory]
    [InlineData("a.exampl")]
    [InlineData(null)]
    public async Task A_connection_that_no_route_takes_is_closed(string? name)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(Place.OwnPort, port, Route("a", $"a.example:{port}"));
        using var readings = new SpliceReadings(gateway.App.Services.GetRequiredService<IMeterFactory>());
        Assert.Equal("", await ExchangeAsync(port, [Hello(name)]));
        await gateway.Log.WaitForAsync($"A connection to *:{port} was closed: no route takes the server name {name ?? "(null)"}.");
        Assert.Equal(1, readings.Sum("splice.refused", ("splice.reason", "no_route")));
        Assert.Empty(gateway.Relay.Prefixes);
    }

    [Theory]
    [InlineData(Place.OwnPort, 0)]
    [InlineData(Place.OwnPort, 1)]
    [InlineData(Place.KestrelPort, 0)]
    [InlineData(Place.KestrelPort, 1)]
    [InlineData(Place.KestrelPortOfSocketTransport, 1)]
    public async Task The_deadline_is_for_the_whole_hello_and_not_for_the_next_byte(Place place, int bytesEachTime)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(place, port,
            Route("a", $"a.example:{port}", """ "PrereadTimeout": "00:00:00.4" """), Route("rest", $"*:{port}", """ "PrereadTimeout": "01:00:00" """));
        using var readings = new SpliceReadings(gateway.App.Services.GetRequiredService<IMeterFactory>());
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        // The gateway's begins when it accepts, which may be long before this test goes on.
        var clock = Stopwatch.StartNew();
        using var client = await ConnectAsync(port);
        var hello = Hello("a.example");
        var ended = client.ReceiveAsync(new byte[1], patience.Token).AsTask();
        for (var i = 0; i < hello.Length && !ended.IsCompleted; i++)
        {
            // Each byte well within the deadline, all of them far past it.
            await Task.WhenAny(ended, Task.Delay(150, patience.Token));
            try
            {
                _ = await client.SendAsync(hello.AsMemory(i, bytesEachTime));
            }
            catch (SocketException)
            {
                break;
            }
        }

        await EndAsync(ended);
        Assert.InRange(clock.Elapsed, TimeSpan.FromMilliseconds(350), TestGateway.Patience);
        await gateway.Log.WaitForAsync("sent no ClientHello within Splice:PrereadTimeout.");
        Assert.Equal(1, readings.Sum("splice.refused", ("splice.reason", "preread_timeout")));
        Assert.Empty(gateway.Relay.Prefixes);
    }

    [Theory]
    [InlineData(Place.OwnPort)]
    [InlineData(Place.KestrelPort)]
    [InlineData(Place.KestrelPortOfSocketTransport)]
    public async Task A_silent_client_does_not_hold_up_the_end(Place place)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(place, port, Route("a", $"a.example:{port}", """ "PrereadTimeout": "01:00:00" """));
        using var client = await ConnectAsync(port);
        await client.SendAsync(Hello("a.example").AsMemory(0, 10));

        // One that is served, or turned away where the relay of this test cannot take it: the silent one was accepted before it.
        _ = await ExchangeAsync(port, [Hello("a.example")]);
        using var longer = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await gateway.App.StopAsync(longer.Token).WaitAsync(TimeSpan.FromSeconds(15));
    }

    [Fact]
    public async Task Names_come_and_go_with_the_configuration_while_the_port_stays_open()
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(Place.OwnPort, port, Route("a", $"a.example:{port}"));
        using var waiting = await ConnectAsync(port);
        var hello = Hello("b.example");
        await waiting.SendAsync(hello.AsMemory(0, 20));
        Assert.Equal("relayed by a in mode Splice", await ExchangeAsync(port, [Hello("a.example")]));

        var changed = new TaskCompletionSource();
        gateway.App.Services.GetRequiredService<Routing.TcpRoutes>().Changed += changed.SetResult;
        gateway.Replace(Proxy(Route("b", $"b.example:{port}")));
        await changed.Task.WaitAsync(TestGateway.Patience);

        Assert.Equal("", await ExchangeAsync(port, [Hello("a.example")]));
        await waiting.SendAsync(hello.AsMemory(20));
        Assert.Equal("relayed by b in mode Splice", await ReadToEndAsync(waiting));
        Assert.Single(gateway.Log.Lines, line => line.Contains($":{port} (", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_port_without_names_does_not_wait_beside_one_with_names()
    {
        var (named, plain) = (TestGateway.FreePort(), TestGateway.FreePort());
        await using var gateway = await TestGateway.StartAsync(Proxy(Route("a", $"a.example:{named}"), Route("b", $"*:{plain}")));
        using var client = await ConnectAsync(plain);
        Assert.Equal("relayed by b in mode Splice", await ReadToEndAsync(client));
        Assert.Empty(Assert.Single(gateway.Relay.Prefixes));
    }

    [Theory]
    [InlineData(Place.KestrelPort)]
    [InlineData(Place.KestrelPortOfSocketTransport)]
    public async Task A_site_over_HTTP_2_and_names_that_are_passed_through_share_a_port(Place place)
    {
        await using var upstream = await TlsSite.StartAsync("pass.example");
        var port = TestGateway.FreePort();
        await using var gateway = await StartMixedAsync(place, port, upstream.Port);
        using var client = Client(port);

        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => client.GetStringAsync(new Uri(
            i % 2 == 0 ? $"https://site.example:{port}/{i}" : $"https://pass.example:{port}/{i}"))));
        Assert.Equal(20, answers.Count(static answer => answer == "site HTTP/2"));
        Assert.Equal(20, answers.Count(static answer => answer == "pass.example HTTP/2"));

        using var http1 = new HttpRequestMessage(HttpMethod.Get, $"https://site.example:{port}/") { Version = HttpVersion.Version11 };
        using var response = await client.SendAsync(http1);
        Assert.Equal("site HTTP/1.1", await response.Content.ReadAsStringAsync());
        Assert.Equal("CN=site.example", await CertificateAsync(port, "site.example"));
        Assert.Equal("CN=site.example", await CertificateAsync(port, ""));
        Assert.Equal("CN=pass.example", await CertificateAsync(port, "pass.example"));
    }

    [Fact]
    public async Task A_large_body_right_behind_the_hello_reaches_the_site_whole()
    {
        await using var upstream = await TlsSite.StartAsync("pass.example");
        var port = TestGateway.FreePort();
        await using var gateway = await StartMixedAsync(Place.KestrelPort, port, upstream.Port);
        using var client = Client(port);
        using var body = new ByteArrayContent(new byte[1 << 20]);
        using var response = await client.PostAsync(new Uri($"https://site.example:{port}/length"), body);
        Assert.Equal("1048576", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_hello_larger_than_the_read_buffer_is_read()
    {
        var port = TestGateway.FreePort();
        await using var gateway = await TestGateway.StartAsync(Proxy(Route("a", $"a.example:{port}")), builder =>
        {
            builder.Services.Configure<LinuxTransportOptions>(static options => options.MaxReadBufferSize = 4096);
            builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, port));
        });
        var hello = HelloBytes.Record(HelloBytes.Body([HelloBytes.Extension(21, new byte[60_000]), HelloBytes.Name("a.example")]));
        Assert.Equal("relayed by a in mode Splice", await ExchangeAsync(port, [hello]));
        Assert.Equal(hello, Assert.Single(gateway.Relay.Prefixes));
    }

    [Fact]
    public async Task On_a_port_of_our_own_a_hello_of_almost_64_KiB_is_read()
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(Place.OwnPort, port, Route("a", $"a.example:{port}"), Route("rest", $"*:{port}"));
        var hello = HelloBytes.Record(HelloBytes.Body([HelloBytes.Extension(21, new byte[65_000]), HelloBytes.Name("a.example")]));
        Assert.Equal("relayed by a in mode Splice", await ExchangeAsync(port, hello.Chunk(9000)));
        Assert.Equal(hello, Assert.Single(gateway.Relay.Prefixes));
    }

    [Theory]
    [InlineData(Place.OwnPort)]
    [InlineData(Place.KestrelPort)]
    public async Task A_hello_that_announces_more_than_64_KiB_has_no_name_and_is_not_waited_for(Place place)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(place, port, Route("a", $"a.example:{port}"), Route("rest", $"*:{port}"));
        Assert.Equal("relayed by rest in mode Splice", await ExchangeAsync(port, [[22, 3, 1, 0x40, 0, 1, 1, 0, 1]]));
    }

    [Theory]
    [InlineData("chromium.bin")]
    [InlineData("openssl-two-records.bin")]
    [InlineData("openssl-trailing-dot.bin")]
    [InlineData("curl-upper-case.bin")]
    [InlineData("curl-idn.bin")]
    [InlineData("dotnet.bin")]
    public async Task A_recorded_hello_reaches_the_route_of_its_name(string file)
    {
        var port = TestGateway.FreePort();
        var hello = HelloBytes.Recorded(file);
        var name = new System.Globalization.IdnMapping().GetUnicode(Segments.ReadWhole(hello).Hello.ServerName!);
        await using var gateway = await StartAsync(Place.OwnPort, port, Route("named", $"{name}:{port}"), Route("rest", $"*:{port}"));
        Assert.Equal("relayed by named in mode Splice", await ExchangeAsync(port, hello.Chunk(700)));
    }

    [RequiresProgramFact("curl", "openssl")]
    public async Task Curl_and_openssl_reach_the_destination_of_their_name()
    {
        await using var first = await TlsSite.StartAsync("a.example");
        await using var second = await TlsSite.StartAsync("b.example");
        var port = TestGateway.FreePort();
        await using var gateway = await TestGateway.StartAsync($$"""
            { "Routes": { "a": { "ClusterId": "a", "Mode": "Splice", "Match": { "Hosts": [ "a.example:{{port}}" ] } },
                          "b": { "ClusterId": "b", "Mode": "Copy", "Match": { "Hosts": [ "*.b.example:{{port}}", "b.example:{{port}}" ] } } },
              "Clusters": { "a": { "Destinations": { "d": { "Address": "127.0.0.1:{{first.Port}}" } } },
                            "b": { "Destinations": { "d": { "Address": "127.0.0.1:{{second.Port}}" } } } } }
            """, UseRealRelay);

        foreach (var (name, site) in new[] { ("a.example", "a.example"), ("B.Example", "b.example"), ("deep.www.b.example", "b.example") })
        {
            var curl = await RunningProgram.RunAsync(
                Programs.Require("curl"), "-sk", "--max-time", "20", "--resolve", $"{name}:{port}:127.0.0.1", $"https://{name}:{port}/");
            Assert.Equal((0, $"{site} HTTP/2"), (curl.ExitCode, curl.Output.Trim()));
            var openssl = await RunningProgram.RunAsync(Programs.Require("openssl"), "s_client", "-connect", $"127.0.0.1:{port}", "-servername", name);
            Assert.Contains($"CN = {site}", openssl.Output, StringComparison.Ordinal);
        }

        var none = await RunningProgram.RunAsync(Programs.Require("openssl"), "s_client", "-connect", $"127.0.0.1:{port}", "-noservername");
        Assert.DoesNotContain("BEGIN CERTIFICATE", none.Output, StringComparison.Ordinal);
    }

    private static byte[] Hello(string? name) => HelloBytes.Record(HelloBytes.Body(name is null ? [] : [HelloBytes.Name(name), HelloBytes.Protocols("h2")]));

    private static string Route(string id, string host, string splice = "") =>
        $$""" "{{id}}": { "ClusterId": "c", "Mode": "Splice", "Match": { "Hosts": [ "{{host}}" ] }, "Splice": { {{splice}} } } """;

    private static string Proxy(params string[] routes) =>
        $$"""{ "Routes": { {{string.Join(',', routes)}} }, "Clusters": { "c": { "Destinations": { "d": { "Address": "127.0.0.1:9" } } } } }""";

    private static Task<TestGateway> StartAsync(Place place, int port, params string[] routes) => TestGateway.StartAsync(
        Proxy(routes),
        place == Place.OwnPort ? null : builder => builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, port)),
        onLinuxTransport: place != Place.KestrelPortOfSocketTransport);

    /// <summary>A Kestrel endpoint with TLS that answers for every name but pass.example, which goes through to an upstream.</summary>
    private static async Task<TestGateway> StartMixedAsync(Place place, int port, int upstreamPort)
    {
        var gateway = TestGateway.Create(
            $$"""
            { "Routes": { "pass": { "ClusterId": "c", "Mode": "Splice", "Match": { "Hosts": [ "pass.example:{{port}}" ] } } },
              "Clusters": { "c": { "Destinations": { "d": { "Address": "127.0.0.1:{{upstreamPort}}" } } } } }
            """,
            builder =>
            {
                UseRealRelay(builder);
                builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(options => options.Listen(IPAddress.Loopback, port, static endpoint =>
                {
                    endpoint.Protocols = HttpProtocols.Http1AndHttp2;
                    endpoint.UseHttps(TlsSite.CreateCertificate("site.example"));
                }));
            },
            onLinuxTransport: place == Place.KestrelPort);
        gateway.App.MapPost("/length", static async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            await context.Response.WriteAsync(body.Length.ToString(System.Globalization.CultureInfo.InvariantCulture));
        });
        gateway.App.MapFallback(static context => context.Response.WriteAsync($"site {context.Request.Protocol}"));
        await gateway.App.StartAsync();
        return gateway;
    }

    private static void UseRealRelay(WebApplicationBuilder builder) => builder.Services.RemoveAll<IRelayEngine>();

    private static HttpClient Client(int port) => new(new SocketsHttpHandler
    {
        SslOptions = { RemoteCertificateValidationCallback = static (_, _, _, _) => true },
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    {
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        Timeout = TestGateway.Patience,
    };

    private static async Task<string> CertificateAsync(int port, string name)
    {
        using var socket = await ConnectAsync(port);
        await using var tls = new SslStream(new NetworkStream(socket), leaveInnerStreamOpen: false, static (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync(name);
        return tls.RemoteCertificate!.Subject;
    }

    private static async Task<Socket> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        return socket;
    }

    /// <summary>Sends the pieces one by one, and returns what comes until the end; a reset is an end too.</summary>
    private static async Task<string> ExchangeAsync(int port, IEnumerable<byte[]> pieces, bool finishes = false)
    {
        using var socket = await ConnectAsync(port);
        foreach (var piece in pieces)
        {
            await socket.SendAsync(piece);
        }

        if (finishes)
        {
            socket.Shutdown(SocketShutdown.Send);
        }

        return await ReadToEndAsync(socket);
    }

    private static async Task<string> ReadToEndAsync(Socket socket)
    {
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        var text = new StringBuilder();
        var buffer = new byte[1024];
        int count;
        while ((count = await EndAsync(socket.ReceiveAsync(buffer, patience.Token).AsTask())) > 0)
        {
            text.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }

        return text.ToString();
    }

    private static async Task<int> EndAsync(Task<int> receiving)
    {
        try
        {
            return await receiving;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
    }
}
