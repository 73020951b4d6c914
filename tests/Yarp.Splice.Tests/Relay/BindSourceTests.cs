using System.Net;
using System.Net.Sockets;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Managed;

namespace Yarp.Splice.Tests.Relay;

/// <summary>The address that destinations are connected to from.</summary>
public class BindSourceTests
{
    private static readonly IPAddress s_source = IPAddress.Parse("127.0.0.7");

    [Theory]
    [CombinedModes]
    public async Task Session_WithBindSource_ComesFromThere(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode, static route => route with { BindSource = s_source });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            Assert.Equal(s_source, ((IPEndPoint)server.RemoteEndPoint!).Address);
            await client.SendAllAsync("x"u8.ToArray());
            await server.ReceiveExactlyAsync(1);
        }
    }

    [Fact]
    public async Task NameOfBothFamilies_WithBindSource_IsTriedInItsFamilyOnly()
    {
        await using var relay = RelayFixture.Create(
            SpliceMode.Copy, static route => route with { BindSource = s_source, ConnectAttempts = 1 }, null, "tcp://localhost:{port}");
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            Assert.Equal(s_source, ((IPEndPoint)server.RemoteEndPoint!).Address);
        }
    }

    [Theory]
    [InlineData("::1", "127.0.0.1:{port}", SourceAddress.OtherFamily)]
    [InlineData("127.0.0.7", "[::1]:{port}", SourceAddress.OtherFamily)]
    [InlineData("192.0.2.1", "127.0.0.1:{port}", SourceAddress.NotAvailable)]
    public async Task Source_ThatCannotReachTheDestination_FailsTheAttemptAndSaysSo(string source, string address, string reason)
    {
        await using var relay = RelayFixture.Create(
            SpliceMode.Copy, route => route with { BindSource = IPAddress.Parse(source), ConnectAttempts = 1 }, null, address);
        using var client = await relay.ConnectAsync();
        await client.AssertFinAsync();
        await relay.WaitUntilIdleAsync();
        Assert.Equal(1, relay.Metrics.Sum("splice.connect.failures", ("splice.reason", reason)));
        Assert.Contains(relay.Log.Entries, entry => entry.Id == 103 && entry.Text.Contains(reason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task AddressRace_WithSource_ConnectsFromThereAndSkipsTheOtherFamily()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using var socket = await AddressRace.ConnectAsync(
            [new IPEndPoint(IPAddress.IPv6Loopback, port), new IPEndPoint(IPAddress.Loopback, port)], s_source, CancellationToken.None);
        using var server = await listener.AcceptSocketAsync().WaitAsync(RelayFixture.Deadline);
        Assert.Equal(s_source, ((IPEndPoint)server.RemoteEndPoint!).Address);

        var refused = await Assert.ThrowsAsync<SocketException>(() => AddressRace.ConnectAsync(
            [new IPEndPoint(IPAddress.IPv6Loopback, port)], s_source, CancellationToken.None));
        Assert.Equal(SocketError.AddressFamilyNotSupported, refused.SocketErrorCode);
    }
}
