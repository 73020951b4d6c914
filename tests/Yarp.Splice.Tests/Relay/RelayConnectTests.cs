using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Yarp.Splice.Limits;

namespace Yarp.Splice.Tests.Relay;

/// <summary>Finding a destination that takes the connection, limits, and the end of the process.</summary>
public class RelayConnectTests
{
    // Nobody listens on port 1 of loopback.
    private const string Refusing = "tcp://127.0.0.1:1";

    [Fact]
    public async Task OnlyDestinationRefuses_ClientIsClosedAtOnceAndTheLogSaysWhy()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Splice, null, null, Refusing);
        var started = Stopwatch.GetTimestamp();
        using var client = await relay.ConnectAsync();
        await client.AssertFinAsync();
        // Not at the ConnectTimeout.
        Assert.True(Stopwatch.GetElapsedTime(started) < relay.Route.ConnectTimeout);
        await relay.WaitUntilIdleAsync();
        Assert.Contains(relay.Log.Entries, static entry =>
            entry.Id == 103 && entry.Text.Contains("route", StringComparison.Ordinal) &&
            entry.Text.Contains("Connection refused", StringComparison.Ordinal));
    }

    [Fact]
    public async Task FirstDestinationRefuses_SecondServes()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Splice, null, null, Refusing, "127.0.0.1:{port}");
        for (var i = 0; i < 5; i++)
        {
            var (client, server) = await relay.ConnectPairAsync();
            await client.SendAllAsync("hello"u8.ToArray());
            Assert.Equal("hello"u8.ToArray(), await server.ReceiveExactlyAsync(5));
            client.Dispose();
            server.Dispose();
        }

        // What passive health checks are told.
        await relay.WaitUntilIdleAsync();
        Assert.Equal(5, relay.Reports.Count(static report => report == ("d0", false)));
        Assert.Equal(5, relay.Reports.Count(static report => report == ("d1", true)));
        Assert.Equal(10, relay.Reports.Count);
    }

    [Fact]
    public async Task AttemptsAreUsedUp_LaterDestinationsAreNotTried()
    {
        await using var relay = RelayFixture.Create(
            SpliceMode.Splice, static route => route with { ConnectAttempts = 2 }, null, Refusing, Refusing, "127.0.0.1:{port}");
        using var client = await relay.ConnectAsync();
        await client.AssertFinAsync();
        await relay.WaitUntilIdleAsync();
        Assert.Contains(relay.Log.Entries, static entry => entry.Text.Contains("after 2 attempts", StringComparison.Ordinal));
    }

    [Fact]
    public async Task DestinationDoesNotAnswer_NextOneIsTriedAfterTheTimeout()
    {
        using var blackHole = new BlackHole();
        var timeout = TimeSpan.FromMilliseconds(300);
        await using var relay = RelayFixture.Create(
            SpliceMode.Copy, route => route with { ConnectTimeout = timeout }, null, $"127.0.0.1:{blackHole.Port}", "127.0.0.1:{port}");
        var started = Stopwatch.GetTimestamp();
        var (client, server) = await relay.ConnectPairAsync();
        Assert.True(Stopwatch.GetElapsedTime(started) >= timeout - TimeSpan.FromMilliseconds(50));
        client.Dispose();
        server.Dispose();
    }

    [Fact]
    public async Task ClientResetsWhileConnecting_TheAttemptEnds()
    {
        using var blackHole = new BlackHole();
        await using var relay = RelayFixture.Create(SpliceMode.Copy, null, null, $"127.0.0.1:{blackHole.Port}");
        var client = await relay.ConnectAsync();
        Assert.True(await Task.Run(() => SpinWait.SpinUntil(() => relay.Acquired == 1, RelayFixture.Deadline)));
        client.Reset();
        await relay.WaitUntilIdleAsync();
        Assert.Contains(relay.Log.Entries, static entry => entry.Text.Contains("client_left", StringComparison.Ordinal));
        Assert.Empty(relay.Reports);
    }

    [Theory]
    [CombinedModes]
    public async Task EarlyDataWhileConnecting_StaysBoundedAndArrives(SpliceMode mode)
    {
        using var blackHole = new BlackHole();
        await using var relay = RelayFixture.Create(
            mode, static route => route with { ConnectTimeout = TimeSpan.FromSeconds(1) }, null,
            $"127.0.0.1:{blackHole.Port}", "127.0.0.1:{port}");
        using var client = await relay.ConnectAsync();
        client.SendBufferSize = 64 * 1024;
        var data = await client.SendUntilStalledAsync();
        // Nothing is read before a destination answers: all that a client can fill is the kernel's buffers.
        Assert.InRange(data.Length, 1, 8 * 1024 * 1024);
        client.Shutdown(SocketShutdown.Send);
        using var server = await relay.AcceptAsync();
        SocketFlow.AssertSame(data, await server.ReceiveToEndAsync());
    }

    [Fact]
    public async Task NameAsDestination_IsResolved()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Splice, null, null, "tcp://localhost:{port}");
        var (client, server) = await relay.ConnectPairAsync();
        client.Dispose();
        await server.AssertFinAsync();
        server.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task UnixSocketAsDestination_IsRelayed(bool isAbstract)
    {
        var name = $"{Guid.NewGuid():N}";
        var path = Path.Combine(Path.GetTempPath(), name + ".sock");
        using var upstream = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        upstream.Bind(new UnixDomainSocketEndPoint(isAbstract ? "\0" + name : path));
        upstream.Listen();
        foreach (var mode in Enum.GetValues<SpliceMode>())
        {
            await using var relay = RelayFixture.Create(mode, null, null, isAbstract ? $"unix:@{name}" : $"unix:{path}");
            using var client = await relay.ConnectAsync();
            using var server = await upstream.AcceptAsync().WaitAsync(RelayFixture.Deadline);
            var data = SocketFlow.Payload(3_000_000);
            var received = server.ReceiveToEndAsync();
            await client.SendAllAsync(data);
            client.Shutdown(SocketShutdown.Send);
            SocketFlow.AssertSame(data, await received);
        }
    }

    [Fact]
    public async Task MaxConnections_OneMore_IsClosedAtOnceAndOthersGoOn()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Splice, static route => route with { Limits = new RouteLimits { MaxConnections = 2 } });
        var (client, server) = await relay.ConnectPairAsync();
        var (other, otherServer) = await relay.ConnectPairAsync();
        using var refused = await relay.ConnectAsync();
        await refused.AssertFinAsync();
        Assert.Contains(relay.Log.Entries, static entry => entry.Id == 105);

        other.Dispose();
        await otherServer.AssertFinAsync();
        otherServer.Dispose();

        // The place is free once the session has ended, a little after its last byte.
        var next = await relay.ConnectAsync();
        for (var tries = 0; !relay.Upstream.Poll(TimeSpan.FromMilliseconds(200), SelectMode.SelectRead); tries++)
        {
            Assert.True(tries < 100, "the place of the ended session is not given away");
            next.Dispose();
            next = await relay.ConnectAsync();
        }

        var nextServer = await relay.AcceptAsync();
        await client.SendAllAsync("x"u8.ToArray());
        await server.ReceiveExactlyAsync(1);
        foreach (var socket in new[] { client, server, next, nextServer })
        {
            socket.Dispose();
        }
    }

    [Fact]
    public async Task DrainAsync_SessionsEndInTime_CutsNone()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Splice);
        var (client, server) = await relay.ConnectPairAsync();
        var drain = relay.Engine.DrainAsync(CancellationToken.None);
        await client.SendAllAsync("still works"u8.ToArray());
        await server.ReceiveExactlyAsync(11);
        Assert.False(drain.IsCompleted);
        client.Dispose();
        server.Dispose();
        Assert.Equal(0, await drain.WaitAsync(RelayFixture.Deadline));
    }

    [Fact]
    public async Task DrainAsync_TokenFires_ResetsWhatIsLeftAndCountsIt()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Splice);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
            Assert.Equal(1, await relay.Engine.DrainAsync(stop.Token).WaitAsync(RelayFixture.Deadline));
            await client.AssertResetAsync();
            await server.AssertResetAsync();
        }
    }
}
