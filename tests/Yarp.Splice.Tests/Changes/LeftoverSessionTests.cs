using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.Splice.Listening;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Tests.Changes;

/// <summary>Sessions whose route or destination a change takes away, on event loops and in managed code.</summary>
public sealed class LeftoverSessionTests : IDisposable
{
    private readonly TcpListener _first = RelayedSession.Listen();
    private readonly TcpListener _second = RelayedSession.Listen();

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Sessions_of_a_removed_route_go_on(bool onEventLoops)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(onEventLoops, Proxy([Route("a", port)], _first));
        using var session = await RelayedSession.OpenAsync(port, _first);

        gateway.Replace(Proxy([], _first));
        await gateway.Log.WaitForAsync("is closed; its sessions go on");

        await session.ExchangeAsync();
        await Assert.ThrowsAnyAsync<SocketException>(() => RelayedSession.OpenAsync(port, _first));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Sessions_of_a_removed_route_are_reset_after_its_DrainTimeout(bool onEventLoops)
    {
        var (goes, stays) = (TestGateway.FreePort(), TestGateway.FreePort());
        await using var gateway = await StartAsync(
            onEventLoops, Proxy([Route("goes", goes, """ "DrainTimeout": "00:00:00.2" """), Route("stays", stays)], _first));
        using var one = await RelayedSession.OpenAsync(goes, _first);
        using var two = await RelayedSession.OpenAsync(goes, _first);
        using var other = await RelayedSession.OpenAsync(stays, _first);

        gateway.Replace(Proxy([Route("stays", stays)], _first));

        await one.AssertIsResetAsync();
        await two.AssertIsResetAsync();
        await gateway.Log.WaitForAsync("Route goes was removed 00:00:00.2000000 ago (Splice:DrainTimeout): 2 sessions were still open and were reset.");
        await other.ExchangeAsync();
    }

    [Fact]
    public async Task A_route_that_comes_back_within_its_DrainTimeout_keeps_its_sessions()
    {
        const string Drain = """ "DrainTimeout": "00:00:01" """;
        var (back, gone) = (TestGateway.FreePort(), TestGateway.FreePort());
        await using var gateway = await StartAsync(onEventLoops: true, Proxy([Route("back", back, Drain), Route("gone", gone, Drain)], _first));
        using var kept = await RelayedSession.OpenAsync(back, _first);
        using var cut = await RelayedSession.OpenAsync(gone, _first);

        gateway.Replace(Proxy([], _first));
        gateway.Replace(Proxy([Route("back", back)], _first));

        // Their times have run out together.
        await cut.AssertIsResetAsync();
        await kept.ExchangeAsync();
    }

    [Theory]
    [InlineData(true, "d")]
    [InlineData(false, "d")]
    [InlineData(true, "other")]
    public async Task Sessions_of_a_destination_that_is_gone_are_reset_if_the_route_says_so(bool onEventLoops, string nameOfTheNext)
    {
        var (cuts, keeps) = (TestGateway.FreePort(), TestGateway.FreePort());
        string[] routes = [Route("cuts", cuts, """ "OnDestinationRemoved": "Cut" """), Route("keeps", keeps)];
        await using var gateway = await StartAsync(onEventLoops, Proxy(routes, _first));
        using var cut = await RelayedSession.OpenAsync(cuts, _first);
        using var kept = await RelayedSession.OpenAsync(keeps, _first);

        gateway.Replace(Proxy(routes, _second, nameOfTheNext));

        await cut.AssertIsResetAsync();
        await gateway.Log.WaitForAsync("Destination d of cluster c was removed or has another address: 1 sessions were reset");
        await kept.ExchangeAsync();
        using var next = await RelayedSession.OpenAsync(cuts, _second);
        await next.ExchangeAsync();
    }

    [Fact]
    public async Task A_change_that_does_not_concern_a_destination_leaves_its_sessions_alone()
    {
        var (port, other) = (TestGateway.FreePort(), TestGateway.FreePort());
        var route = Route("a", port, """ "OnDestinationRemoved": "Cut", "DrainTimeout": "00:00:00.1" """);
        await using var gateway = await StartAsync(onEventLoops: true, Proxy([route], _first));
        using var session = await RelayedSession.OpenAsync(port, _first);

        gateway.Replace(Proxy([route, Route("b", other)], _first, more: $$""" , "z": { "Address": "127.0.0.1:{{Port(_second)}}" } """));
        await gateway.Log.WaitForAsync("Route b listens on");
        using var next = await RelayedSession.OpenAsync(other, _first);

        await session.ExchangeAsync();
    }

    [Fact]
    public async Task A_changed_mode_applies_to_new_sessions_only()
    {
        var port = TestGateway.FreePort();
        await using var gateway = await StartAsync(onEventLoops: true, Proxy([Route("a", port)], _first));
        using var before = await RelayedSession.OpenAsync(port, _first);
        gateway.Replace(Proxy([Route("a", port).Replace("Copy", "Splice", StringComparison.Ordinal)], _first));
        using var after = await RelayedSession.OpenAsync(port, _first);

        await before.ExchangeAsync();
        await after.ExchangeAsync();
        Assert.Equal([SpliceMode.Copy, SpliceMode.Splice],
            gateway.App.Services.GetRequiredService<ISessionTable>().List(0, 10).Select(static session => session.Mode!.Value));
    }

    private static Task<TestGateway> StartAsync(bool onEventLoops, string proxy) => TestGateway.StartAsync(proxy, builder => Configure(builder, onEventLoops), onEventLoops);

    private static void Configure(WebApplicationBuilder builder, bool onEventLoops)
    {
        builder.Services.RemoveAll<IRelayEngine>();
        if (!onEventLoops)
        {
            builder.Services.AddSingleton<IPortOpener, SocketPortOpener>();
        }
    }

    private static int Port(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;

    private static string Route(string id, int port, string splice = "") =>
        $$""" "{{id}}": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "*:{{port}}" ] }, "Splice": { {{splice}} } } """;

    private static string Proxy(string[] routes, TcpListener destination, string name = "d", string more = "") =>
        $$"""
        { "Routes": { {{string.Join(',', routes)}} },
          "Clusters": { "c": { "LoadBalancingPolicy": "FirstAlphabetical",
                               "Destinations": { "{{name}}": { "Address": "127.0.0.1:{{Port(destination)}}" } {{more}} } } } }
        """;
}
