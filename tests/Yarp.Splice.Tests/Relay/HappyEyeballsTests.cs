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
    // Timers round, and begin with the round of their loop.
    private static readonly TimeSpan s_early = TimeSpan.FromMilliseconds(20);

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
        await AssertTakesAsync(HappyEyeballs.AttemptDelay, 2 * HappyEyeballs.AttemptDelay, () => AssertRelayedAsync(relay));
        await relay.WaitUntilIdleAsync();

        // Neither a lost attempt nor its socket is left.
        Assert.InRange(CountAttempts(PortOf(relay)), 0, others);
        Assert.Equal(0, relay.Metrics.Sum("splice.connect.failures"));
    }

    [Fact]
    public async Task FirstAddressRefuses_NextOneIsTriedAtOnce()
    {
        await using var relay = CreateRelay(s_refusing, IPAddress.Loopback);
        await AssertTakesAsync(TimeSpan.Zero, HappyEyeballs.AttemptDelay - s_early, () => AssertRelayedAsync(relay));
        Assert.Equal(0, relay.Metrics.Sum("splice.connect.failures"));
    }

    [Fact]
    public async Task EarlierAddressRefusesWhileALaterOneIsTried_TheLaterOneGoesOn()
    {
        await using var relay = CreateRelay(s_silent, s_refusing, s_refusing, IPAddress.Loopback);
        using var blackHole = new BlackHole(new IPEndPoint(s_silent, PortOf(relay)));
        await AssertRelayedAsync(relay);
    }

    [Fact]
    public async Task NoAddressAnswers_OneTimeoutCoversAllOfThem()
    {
        var timeout = TimeSpan.FromMilliseconds(900);
        await using var relay = CreateRelay(timeout, s_silent, s_silent, s_silent);
        using var blackHole = new BlackHole(new IPEndPoint(s_silent, PortOf(relay)));
        var others = CountAttempts(PortOf(relay));
        var clients = await AssertTakesAsync(timeout, 2 * timeout, () => AssertClosedAsync(relay));
        await relay.WaitUntilIdleAsync();
        Assert.InRange(CountAttempts(PortOf(relay)), 0, others);
        Assert.Equal(clients, relay.Metrics.Sum("splice.connect.failures"));
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

        await AssertTakesAsync(2 * timeout, 3 * timeout - s_early, () => AssertClosedAsync(relay));
        await relay.WaitUntilIdleAsync();
    }

    [Fact]
    public async Task ManagedRace_FirstDoesNotAnswer_SecondWins()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using var blackHole = new BlackHole(new IPEndPoint(IPAddress.IPv6Loopback, port));
        await AssertTakesAsync(HappyEyeballs.AttemptDelay, 2 * HappyEyeballs.AttemptDelay, async () =>
        {
            using var socket = await AddressRace.ConnectAsync(
                [new IPEndPoint(IPAddress.IPv6Loopback, port), new IPEndPoint(IPAddress.Loopback, port)], null, CancellationToken.None).WaitAsync(RelayFixture.Deadline);
            Assert.Equal(IPAddress.Loopback, ((IPEndPoint)socket.RemoteEndPoint!).Address);
        });
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

    /// <summary>Never less; and less than <paramref name="most"/> at least once in five times, for now and then the machine stands still. How many times it was done.</summary>
    private static async Task<int> AssertTakesAsync(TimeSpan least, TimeSpan most, Func<Task> act)
    {
        for (var times = 1; ; times++)
        {
            var started = Stopwatch.GetTimestamp();
            await act();
            var elapsed = Stopwatch.GetElapsedTime(started);
            Assert.InRange(elapsed, least - s_early, times < 5 ? TimeSpan.MaxValue : most);
            if (elapsed < most)
            {
                return times;
            }
        }
    }

    private static async Task AssertClosedAsync(RelayFixture relay)
    {
        using var client = await relay.ConnectAsync();
        await client.AssertFinAsync();
    }

    private static async Task AssertRelayedAsync(RelayFixture relay)
    {
        var (client, server) = await relay.ConnectPairAsync();
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
