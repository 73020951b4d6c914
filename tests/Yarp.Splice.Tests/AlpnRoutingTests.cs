using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Yarp.Splice.Routing;
using Yarp.Splice.Tests.Tls;

namespace Yarp.Splice.Tests;

public class AlpnRoutingTests
{
    [Theory]
    [InlineData("a.example", "h2", "a-h2")]
    [InlineData("a.example", "h2,http/1.1", "a-h2")]
    [InlineData("a.example", "http/1.1,h2", "a-old")]
    [InlineData("a.example", "http/1.0", "a-old")]
    [InlineData("a.example", "other,h2", "a-h2")]
    [InlineData("a.example", "H2", "a-rest")]
    [InlineData("a.example", "", "a-rest")]
    [InlineData("b.example", "h2", "b-h2")]
    [InlineData("b.example", "http/1.1", "wild")]
    [InlineData("b.example", "", "wild")]
    [InlineData("c.example", "h2", "wild")]
    [InlineData("other.test", "h2", null)]
    [InlineData("other.test", "mqtt", "mqtt")]
    [InlineData(null, "mqtt", "mqtt")]
    [InlineData(null, "", null)]
    public void Find_prefers_the_name_then_the_clients_first_protocol_that_has_a_route(string? name, string protocols, string? expected)
    {
        var routes = new TcpPortRoutes(new TcpPort(443, null),
        [
            Route("a-rest", "a.example"), Route("a-h2", "a.example", "h2"), Route("a-old", "a.example", "http/1.1", "http/1.0"),
            Route("b-h2", "b.example", "h2"), Route("wild", "*.example"), Route("mqtt", "*", "mqtt"),
        ]);
        Assert.True(routes.NeedsClientHello);
        Assert.Equal(expected, routes.Find(name, protocols.Split(',', StringSplitOptions.RemoveEmptyEntries))?.RouteId);
    }

    [Theory]
    [InlineData(""" "Alpn": [ "h2" ] """, """ "Alpn": [ "http/1.1", "h2" ] """, false)]
    [InlineData(""" "Alpn": [ "h2" ] """, """ "Alpn": [ "http/1.1" ] """, true)]
    [InlineData(""" "Alpn": [ "h2" ] """, "", true)]
    [InlineData("", "", false)]
    public async Task Routes_of_a_name_must_not_share_a_protocol(string first, string second, bool isAccepted)
    {
        var json = Proxy(Json("one", "a.example:15432", first), Json("two", "a.example:15432", second));
        if (isAccepted)
        {
            await using var app = TestGateway.Create(json).App;
            Assert.Equal(2, app.Services.GetRequiredService<TcpRoutes>().Current.Routes.Count);
            return;
        }

        var exception = Assert.Throws<InvalidOperationException>(() => TestGateway.Create(json));
        Assert.Contains("Route 'one': Match:Hosts takes 'a.example' on port *:15432", exception.ToString(), StringComparison.Ordinal);
        Assert.Contains("or several with different Splice:Alpn", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_a_port_of_our_own_the_protocol_decides_even_for_all_names()
    {
        var port = TestGateway.FreePort();
        await using var gateway = await TestGateway.StartAsync(Proxy(Json("mqtt", $"*:{port}", """ "Alpn": "mqtt" """), Json("rest", $"*:{port}", "")));
        Assert.Equal("relayed by mqtt in mode Copy", await ExchangeAsync(port, HelloBytes.Name("a.example"), HelloBytes.Protocols("x", "mqtt")));
        Assert.Equal("relayed by rest in mode Copy", await ExchangeAsync(port, HelloBytes.Name("a.example"), HelloBytes.Protocols("h2")));
        Assert.Equal("relayed by rest in mode Copy", await ExchangeAsync(port));
    }

    [Fact]
    public async Task On_a_mixed_port_other_protocols_of_a_name_go_on_to_HTTP()
    {
        var port = TestGateway.FreePort();
        var gateway = TestGateway.Create(
            Proxy(Json("xmpp", $"site.example:{port}", """ "Alpn": [ "xmpp-client" ] """)),
            builder => builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(options => options.Listen(
                System.Net.IPAddress.Loopback, port, static endpoint => endpoint.UseHttps(TlsSite.CreateCertificate("site.example")))));
        await using var _ = gateway;
        gateway.App.MapFallback(static context => context.Response.WriteAsync("site"));
        await gateway.App.StartAsync();

        Assert.Equal("relayed by xmpp in mode Copy", await ExchangeAsync(port, HelloBytes.Name("site.example"), HelloBytes.Protocols("xmpp-client")));
        using var client = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = { RemoteCertificateValidationCallback = static (_, _, _, _) => true },
            ConnectCallback = async (_, _) => new System.Net.Sockets.NetworkStream(await TestClient.ConnectAsync(port), ownsSocket: true),
        })
        { Timeout = TestGateway.Patience };
        Assert.Equal("site", await client.GetStringAsync(new Uri($"https://site.example:{port}/")));
    }

    private static TcpRoute Route(string id, string host, params string[] protocols)
    {
        Assert.True(ServerNamePattern.TryParse(host, out var name, out _));
        return new TcpRoute
        {
            RouteId = id,
            ClusterId = "c",
            Mode = SpliceMode.Copy,
            Port = 443,
            ServerName = name,
            Alpn = protocols.Length == 0 ? null : new ApplicationProtocols(protocols),
        };
    }

    private static string Json(string id, string host, string splice) =>
        $$""" "{{id}}": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "{{host}}" ] }, "Splice": { {{splice}} } } """;

    private static string Proxy(params string[] routes) =>
        $$"""{ "Routes": { {{string.Join(',', routes)}} }, "Clusters": { "c": { "Destinations": { "d": { "Address": "127.0.0.1:9" } } } } }""";

    private static async Task<string> ExchangeAsync(int port, params byte[][] extensions)
    {
        using var client = await TestClient.ConnectAsync(port);
        await client.SendAsync(HelloBytes.Record(HelloBytes.Body(extensions)));
        return await TestClient.ReadToEndAsync(client);
    }
}
