using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Yarp.Splice.Listening;
using Yarp.Splice.Tests.Relay;
using Yarp.Splice.Tests.Tls;

namespace Yarp.Splice.Tests.Sources;

/// <summary>Who may connect, over real sockets: all of 127.0.0.0/8 can be connected from.</summary>
public class SourceRoutingTests
{
    public enum Place
    {
        OwnPort,
        KestrelPort,
        OwnPortWithoutEventLoops,
    }

    [Theory]
    [InlineData(Place.OwnPort, """ "AllowedSources": [ "127.0.0.2", "::1" ] """)]
    [InlineData(Place.OwnPort, """ "DeniedSources": [ "127.0.0.1/32" ] """)]
    [InlineData(Place.OwnPort, """ "AllowedSources": [ "127.0.0.0/8" ], "DeniedSources": [ "127.0.0.0/31" ] """)]
    [InlineData(Place.KestrelPort, """ "AllowedSources": [ "127.0.0.2" ] """)]
    [InlineData(Place.OwnPortWithoutEventLoops, """ "AllowedSources": [ "127.0.0.2" ] """)]
    public async Task A_client_that_is_not_taken_is_closed_before_it_has_sent_a_byte(Place place, string splice)
    {
        using var upstream = new TcpListener(IPAddress.Loopback, 0);
        upstream.Start();
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(place, port, Route("r", $"*:{port}", splice), upstream);
        using var readings = new SpliceReadings(gateway.App.Services.GetRequiredService<IMeterFactory>());

        using (var refused = await TestClient.ConnectAsync(port, "127.0.0.1"))
        {
            Assert.Equal("", await TestClient.ReadToEndAsync(refused));
        }

        Assert.Equal(1, readings.Sum("splice.refused", ("splice.reason", "source_denied"), ("splice.route", "r")));
        await gateway.Log.WaitForAsync("Information Yarp.Splice: Route r: a connection from ");
        using var taken = await TestClient.ConnectAsync(port, "127.0.0.2");
        if (place == Place.OwnPortWithoutEventLoops)
        {
            using var patience = new CancellationTokenSource(TestGateway.Patience);
            using var accepted = await upstream.AcceptSocketAsync(patience.Token);
        }
        else
        {
            Assert.Equal("relayed by r in mode Copy", await TestClient.ReadToEndAsync(taken));
        }

        Assert.Equal(1, readings.Sum("splice.refused"));
    }

    [Theory]
    [InlineData(Place.OwnPort)]
    [InlineData(Place.KestrelPort)]
    public async Task A_client_that_a_names_route_does_not_take_is_closed_and_goes_to_no_other_route(Place place)
    {
        using var upstream = new TcpListener(IPAddress.Loopback, 0);
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(
            place, port,
            Route("a", $"a.example:{port}", """ "DeniedSources": [ "127.0.0.1" ] """) + "," + Route("wild", $"*.example:{port}"),
            upstream);
        using var readings = new SpliceReadings(gateway.App.Services.GetRequiredService<IMeterFactory>());

        Assert.Equal("", await ExchangeAsync(port, "127.0.0.1", "a.example"));
        Assert.Equal("relayed by a in mode Copy", await ExchangeAsync(port, "127.0.0.2", "a.example"));
        Assert.Equal("relayed by wild in mode Copy", await ExchangeAsync(port, "127.0.0.1", "b.example"));
        Assert.Equal(1, readings.Sum("splice.refused", ("splice.reason", "source_denied"), ("splice.route", "a")));
        if (place == Place.KestrelPort)
        {
            // What belongs to no route is not the routes' to refuse.
            using var http = new HttpClient();
            Assert.Equal("site", await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/")));
        }
    }

    [Fact]
    public async Task A_changed_list_counts_for_the_next_connection()
    {
        using var upstream = new TcpListener(IPAddress.Loopback, 0);
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(Place.OwnPort, port, Route("r", $"*:{port}"), upstream);
        using (var before = await TestClient.ConnectAsync(port, "127.0.0.1"))
        {
            Assert.Equal("relayed by r in mode Copy", await TestClient.ReadToEndAsync(before));
        }

        var changed = new TaskCompletionSource();
        gateway.App.Services.GetRequiredService<Routing.TcpRoutes>().Changed += changed.SetResult;
        gateway.Replace(Proxy(Route("r", $"*:{port}", """ "AllowedSources": [ "127.0.0.2" ] """), upstream));
        await changed.Task.WaitAsync(TestGateway.Patience);
        using var after = await TestClient.ConnectAsync(port, "127.0.0.1");
        Assert.Equal("", await TestClient.ReadToEndAsync(after));
    }

    private static string Route(string id, string host, string splice = "") =>
        $$""" "{{id}}": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "{{host}}" ] }, "Splice": { {{splice}} } } """;

    private static string Proxy(string routes, TcpListener upstream) => $$"""
        { "Routes": { {{routes}} },
          "Clusters": { "c": { "Destinations": { "d": { "Address": "127.0.0.1:{{((IPEndPoint)upstream.LocalEndpoint).Port}}" } } } } }
        """;

    private static async Task<TestGateway> StartAsync(Place place, int port, string routes, TcpListener upstream)
    {
        upstream.Start();
        var gateway = TestGateway.Create(
            Proxy(routes, upstream),
            builder =>
            {
                if (place == Place.KestrelPort)
                {
                    builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, port));
                }
                else if (place == Place.OwnPortWithoutEventLoops)
                {
                    builder.Services.AddSingleton<IPortOpener, SocketPortOpener>();
                }
            },
            onLinuxTransport: place != Place.OwnPortWithoutEventLoops);
        gateway.App.MapFallback(static context => context.Response.WriteAsync("site"));
        await gateway.App.StartAsync();
        return gateway;
    }

    private static async Task<string> ExchangeAsync(int port, string from, string name)
    {
        using var socket = await TestClient.ConnectAsync(port, from);
        await socket.SendAsync(HelloBytes.Record(HelloBytes.Body([HelloBytes.Name(name)])));
        return await TestClient.ReadToEndAsync(socket);
    }
}
