using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Transport.Linux.Connections;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Managed;

namespace Yarp.Splice.Tests.Relay;

/// <summary>Names with several addresses, some of which do not answer; in the event loops' relay and in the managed one.</summary>
public class HappyEyeballsTests
{
    // Nobody is there: every port of it refuses.
    private static readonly IPAddress s_refusing = IPAddress.Parse("127.0.0.99");
    private static readonly IPAddress s_silent = IPAddress.Parse("127.0.0.98");
    private static readonly TimeSpan s_slack = TimeSpan.FromSeconds(3);

    [Fact]
    public void Interleave_KeepsTheOrderWithinAFamilyAndBeginsWithThatOfTheFirst()
    {
        Assert.Equal(
            ["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"],
            HappyEyeballs.Interleave(Array.ConvertAll(["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"], IPAddress.Parse)).Select(static address => $"{address}"));
        Assert.Equal(
            ["10.0.0.1", "::1", "10.0.0.2"],
            HappyEyeballs.Interleave(Array.ConvertAll(["10.0.0.1", "10.0.0.2", "::1"], IPAddress.Parse)).Select(static address => $"{address}"));
    }

    [Fact]
    public async Task FirstAddressDoesNotAnswer_NextFamilyIsTriedAfterAQuarterOfASecond()
    {
        await using var relay = CreateRelay(IPAddress.IPv6Loopback, IPAddress.Parse("::1"), IPAddress.Loopback);
        using var blackHole = new BlackHole(new IPEndPoint(IPAddress.IPv6Loopback, PortOf(relay)));
        var others = CountAttempts(PortOf(relay));
        var started = Stopwatch.GetTimestamp();
        var (client, server) = await relay.ConnectPairAsync();
        Assert.InRange(Stopwatch.GetElapsedTime(started), HappyEyeballs.AttemptDelay - TimeSpan.FromMilliseconds(20), s_slack);
        await AssertRelayedAsync(client, server);
        await relay.WaitUntilIdleAsync();

        // Neither a lost attempt nor its socket is left.
        Assert.InRange(CountAttempts(PortOf(relay)), 0, others);
        Assert.Equal(0, relay.Metrics.Sum("splice.connect.failures"));
    }

    [Fact]
    public async Task FirstAddressRefuses_NextOneIsTriedAtOnce()
    {
        await using var relay = CreateRelay(s_refusing, IPAddress.Loopback);
        var started = Stopwatch.GetTimestamp();
        var (client, server) = await relay.ConnectPairAsync();
        Assert.True(Stopwatch.GetElapsedTime(started) < s_slack);
        await AssertRelayedAsync(client, server);
        Assert.Equal(0, relay.Metrics.Sum("splice.connect.failures"));
    }

    [Fact]
    public async Task EarlierAddressRefusesWhileALaterOneIsTried_TheLaterOneGoesOn()
    {
        await using var relay = CreateRelay(s_silent, s_refusing, s_refusing, IPAddress.Loopback);
        using var blackHole = new BlackHole(new IPEndPoint(s_silent, PortOf(relay)));
        var (client, server) = await relay.ConnectPairAsync();
        await AssertRelayedAsync(client, server);
    }

    [Fact]
    public async Task NoAddressAnswers_OneTimeoutCoversAllOfThem()
    {
        var timeout = TimeSpan.FromMilliseconds(900);
        await using var relay = CreateRelay(timeout, s_silent, s_silent, s_silent);
        using var blackHole = new BlackHole(new IPEndPoint(s_silent, PortOf(relay)));
        var others = CountAttempts(PortOf(relay));
        var started = Stopwatch.GetTimestamp();
        using var client = await relay.ConnectAsync();
        await client.AssertFinAsync();
        Assert.InRange(Stopwatch.GetElapsedTime(started), timeout - TimeSpan.FromMilliseconds(20), timeout + s_slack);
        await relay.WaitUntilIdleAsync();
        Assert.InRange(CountAttempts(PortOf(relay)), 0, others);
        Assert.Equal(1, relay.Metrics.Sum("splice.connect.failures"));
    }

    [Fact]
    public async Task ClientLeavesWhileSeveralAddressesAreTried_AllAttemptsEnd()
    {
        await using var relay = CreateRelay(s_silent, s_silent);
        using var blackHole = new BlackHole(new IPEndPoint(s_silent, PortOf(relay)));
        var others = CountAttempts(PortOf(relay));
        var client = await relay.ConnectAsync();
        Assert.True(await Task.Run(() => SpinWait.SpinUntil(() => CountAttempts(PortOf(relay)) >= others + 2, RelayFixture.Deadline)));
        client.Reset();
        await relay.WaitUntilIdleAsync();
        Assert.InRange(CountAttempts(PortOf(relay)), 0, others);
    }

    [Fact]
    public async Task NameServerIsSilent_ClientIsClosedAfterAttemptsTimesTimeout()
    {
        var timeout = TimeSpan.FromMilliseconds(300);
        await using var relay = RelayFixture.Create(
            SpliceMode.Copy, route => route with { ConnectTimeout = timeout, ConnectAttempts = 2 }, null, "a:{port}", "b:{port}", "c:{port}");
        foreach (var destination in relay.Destinations)
        {
            destination.Address.Lookup = static _ => new TaskCompletionSource<IPAddress[]>().Task;
        }

        var started = Stopwatch.GetTimestamp();
        using var client = await relay.ConnectAsync();
        await client.AssertFinAsync();
        Assert.InRange(Stopwatch.GetElapsedTime(started), 2 * timeout - TimeSpan.FromMilliseconds(20), 2 * timeout + s_slack);
        await relay.WaitUntilIdleAsync();
    }

    [Fact]
    public async Task ManagedRace_FirstDoesNotAnswer_SecondWins()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using var blackHole = new BlackHole(new IPEndPoint(IPAddress.IPv6Loopback, port));
        var started = Stopwatch.GetTimestamp();
        using var socket = await AddressRace.ConnectAsync(
            [new IPEndPoint(IPAddress.IPv6Loopback, port), new IPEndPoint(IPAddress.Loopback, port)], null, CancellationToken.None).WaitAsync(RelayFixture.Deadline);
        Assert.InRange(Stopwatch.GetElapsedTime(started), HappyEyeballs.AttemptDelay - TimeSpan.FromMilliseconds(20), s_slack);
        Assert.Equal(IPAddress.Loopback, ((IPEndPoint)socket.RemoteEndPoint!).Address);
    }

    [Fact]
    public async Task ManagedRace_AllRefuse_LastFailureIsThrown()
    {
        var exception = await Assert.ThrowsAsync<SocketException>(() => AddressRace.ConnectAsync(
            [new IPEndPoint(s_refusing, 1), new IPEndPoint(s_refusing, 1)], null, CancellationToken.None).WaitAsync(RelayFixture.Deadline));
        Assert.Equal(SocketError.ConnectionRefused, exception.SocketErrorCode);
    }

    [Fact]
    public async Task ManagedRace_Cancelled_Throws()
    {
        using var blackHole = new BlackHole();
        using var timeout = new CancellationTokenSource(TimeSpan.FromMilliseconds(400));
        var endPoint = new IPEndPoint(IPAddress.Loopback, blackHole.Port);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => AddressRace.ConnectAsync([endPoint, endPoint, endPoint], null, timeout.Token).WaitAsync(RelayFixture.Deadline));
    }

    private static RelayFixture CreateRelay(params IPAddress[] addresses) => CreateRelay(TimeSpan.FromSeconds(20), addresses);

    private static RelayFixture CreateRelay(TimeSpan connectTimeout, params IPAddress[] addresses)
    {
        var relay = RelayFixture.Create(SpliceMode.Copy, route => route with { ConnectTimeout = connectTimeout }, null, "several:{port}");
        relay.Destinations[0].Address.Lookup = _ => Task.FromResult(addresses);
        return relay;
    }

    private static int PortOf(RelayFixture relay) => ((IPEndPoint)relay.Upstream.LocalEndPoint!).Port;

    private static async Task AssertRelayedAsync(Socket client, Socket server)
    {
        using (client)
        using (server)
        {
            await client.SendAllAsync("hello"u8.ToArray());
            Assert.Equal("hello"u8.ToArray(), await server.ReceiveExactlyAsync(5));
        }
    }

    /// <summary>Sockets that wait for the answer of a port (state SYN_SENT in proc_net_tcp).</summary>
    private static int CountAttempts(int port) => new[] { "/proc/net/tcp", "/proc/net/tcp6" }
        .SelectMany(File.ReadLines)
        .Count(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, var remote, "02", ..] && remote.EndsWith($":{port:X4}", StringComparison.Ordinal));
}
