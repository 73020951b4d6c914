using System.Net;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Network;

/// <summary>A destination that the network, or its own host, says no for: the next one serves, in each mode.</summary>
public sealed class UnreachableDestinationTests
{
    [RequiresRoutedNetworkTheory]
    [InlineData("no route")]
    [InlineData("no host")]
    [InlineData("no listener")]
    [InlineData("host-unreachable")]
    [InlineData("admin-prohibited")]
    [InlineData("port-unreachable")]
    public async Task Next_destination_serves(string obstacle)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        await using var network = await RoutedNetwork.CreateAsync();
        var first = obstacle switch
        {
            // A network that the router has not heard of (RFC 5735, TEST-NET is of the hosts).
            "no route" => new IPEndPoint(IPAddress.Parse("198.18.0.1"), FreePort.Next()),
            // Nobody answers the router's ARP requests; it says so after a second.
            "no host" => new IPEndPoint(network.Upstream.NobodysAddress, FreePort.Next()),
            _ => new IPEndPoint(network.Upstream.Address, FreePort.Next()),
        };
        if (obstacle.Contains('-', StringComparison.Ordinal))
        {
            await network.RejectAsync(first, obstacle);
        }

        await using var gateway = await NetworkGateway.StartAsync(network, NetworkGateway.Modes.ToDictionary(static mode => mode, static mode =>
        {
            var route = NetworkGateway.Route(mode);
            // What the network says is heard long before.
            route["Splice"]!["ConnectTimeout"] = "00:00:40";
            return route;
        }), first);
        foreach (var mode in NetworkGateway.Modes)
        {
            using var session = await gateway.OpenAsync(mode, timeout.Token);
            await session.FinishAsync(timeout.Token);
        }

        foreach (var line in await gateway.ReadAccessLogAsync())
        {
            Assert.Equal("01", line["destination"]!.GetValue<string>());
        }
    }
}
