using System.Net.Sockets;
using Testing;
using Yarp.Splice.Limits;

namespace Yarp.Splice.Tests.Relay;

/// <summary>What observers are told of a session: its bytes, its path, and the right word for each way that it can end.</summary>
public class SessionRecordTests
{
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(300);

    [Theory]
    [CombinedModes]
    public async Task Ended_AfterBothPayloads_TheRecordSaysTheirBytesAndWhoFinishedFirst(SpliceMode mode)
    {
        var prefix = "before"u8.ToArray();
        await using var relay = RelayFixture.Create(mode, null, prefix);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var (from, to) = (client.LocalEndPoint, client.RemoteEndPoint);
            var (up, down) = (SocketFlow.Payload(1_500_000), SocketFlow.Payload(700_000));
            var received = server.ReceiveToEndAsync();
            await client.SendAllAsync(up);
            client.Shutdown(SocketShutdown.Send);
            Assert.Equal(prefix.Length + up.Length, (await received).Length);
            await server.SendAllAsync(down);
            server.Shutdown(SocketShutdown.Send);
            SocketFlow.AssertSame(down, await client.ReceiveToEndAsync());
            await relay.WaitUntilIdleAsync();

            var record = Assert.Single(relay.Ended);
            Assert.Equal((prefix.Length + up.Length, down.Length), (record.BytesToUpstream, record.BytesToClient));
            Assert.Equal(("finished", SessionParty.Client), (record.Outcome, record.ClosedBy));
            Assert.Equal((from, to), (record.ClientEndPoint, record.LocalEndPoint));
            Assert.Equal(("route", "cluster", "d0", mode, 1), (record.RouteId, record.ClusterId, record.DestinationId, record.Mode, record.Attempts));
            Assert.Equal(relay.Upstream.LocalEndPoint, record.DestinationEndPoint);
            Assert.True(record.ConnectTime <= record.Duration && record.ConnectTime > TimeSpan.Zero);
            Assert.Equal(record.BytesToUpstream, relay.Metrics.Sum("splice.bytes", ("direction", "upstream"), ("splice.destination", "d0")));
            Assert.Equal(record.BytesToClient, relay.Metrics.Sum("splice.bytes", ("direction", "client"), ("splice.destination", "d0")));
            Assert.Equal(0, relay.Metrics.Sum("splice.sessions.active"));
        }
    }

    [RequiresBpfFact]
    public async Task Describe_WhileTheKernelMovesTheBytes_CountsThem()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Sockmap);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            for (var i = 0; i < 20; i++)
            {
                await client.SendAllAsync(new byte[1000]);
                await server.ReceiveExactlyAsync(1000);
                await server.SendAllAsync(new byte[10]);
                await client.ReceiveExactlyAsync(10);
            }

            var session = Assert.Single(relay.Sessions.List(after: 0, limit: 10));
            Assert.Equal((20_000, 200), (session.BytesToUpstream, session.BytesToClient));
            Assert.Equal(("Sockmap", "Sockmap", null), (session.PathToUpstream, session.PathToClient, session.PathReason));
            Assert.Null(session.Outcome);
            Assert.True(relay.Metrics.Sum("splice.bytes", ("splice.path", "Sockmap"), ("direction", "upstream")) > 0);
            Assert.Equal(20_000, relay.Metrics.Sum("splice.bytes", ("direction", "upstream")));
            Assert.Equal(1, relay.Metrics.Sum("splice.sessions.active", ("splice.path", "Sockmap"), ("splice.destination", "d0")));
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(20_000, relay.Metrics.Sum("splice.bytes", ("direction", "upstream")));
    }

    [Theory]
    [InlineData(SpliceMode.Splice, "no read was full, so copying was cheaper")]
    [InlineData(SpliceMode.Copy, null)]
    [InlineData(SpliceMode.Auto, null)]
    public async Task Ended_AfterFewBytes_ThePathIsCopyAndTheReasonIsGiven(SpliceMode mode, string? reason)
    {
        await using var relay = RelayFixture.Create(mode);
        using (var client = await relay.ConnectAsync())
        {
            await client.SendAllAsync("few"u8.ToArray());
        }

        using (var server = await relay.AcceptAsync())
        {
            Assert.Equal("few"u8.ToArray(), await server.ReceiveToEndAsync());
        }

        await relay.WaitUntilIdleAsync();
        var record = Assert.Single(relay.Ended);
        Assert.Equal(("Copy", "Copy", reason), (record.PathToUpstream, record.PathToClient, record.PathReason));
    }

    [Fact]
    public async Task Ended_TheServerFinishesFirst_ItIsTheOneWhoClosed()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Copy);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        {
            server.Dispose();
            await client.AssertFinAsync();
        }

        await AssertEndAsync(relay, "finished", SessionParty.Upstream);
    }

    [Theory]
    [CombinedModes]
    public async Task Ended_TheClientResets_SaysSo(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (server)
        {
            client.Reset();
            await server.AssertResetAsync();
        }

        await AssertEndAsync(relay, "client_reset", SessionParty.Client);
    }

    [Theory]
    [CombinedModes]
    public async Task Ended_TheServerResets_SaysSo(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        {
            server.Reset();
            await client.AssertResetAsync();
        }

        await AssertEndAsync(relay, "upstream_reset", SessionParty.Upstream);
    }

    [Fact]
    public async Task Ended_NoByteForTheIdleTimeout_SaysSo()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Copy, static route => route with { IdleTimeout = s_short });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            await AssertEndAsync(relay, "idle_timeout", SessionParty.Gateway);
        }
    }

    [Fact]
    public async Task Ended_NoByteForTheHalfCloseTimeout_SaysSo()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Copy, static route => route with { HalfCloseTimeout = s_short });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            client.Shutdown(SocketShutdown.Send);
            await AssertEndAsync(relay, "half_close_timeout", SessionParty.Gateway);
        }
    }

    [Fact]
    public async Task Ended_NoDestinationAnswers_SaysWhyAndHowOftenItTried()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Copy, null, null, $"tcp://127.0.0.1:{FreePort.Next()}", $"tcp://127.0.0.1:{FreePort.Next()}");
        using var client = await relay.ConnectAsync();
        await client.AssertFinAsync();

        var record = await AssertEndAsync(relay, "connect_failed", SessionParty.Gateway);
        Assert.Equal((2, null, null), (record.Attempts, record.ConnectTime, record.PathToUpstream));
        Assert.StartsWith("d1: ", record.ConnectFailure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ended_CutFromTheTable_BothSidesAreResetAndTheRecordSaysSo()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Copy);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            await client.SendAllAsync("x"u8.ToArray());
            await server.ReceiveExactlyAsync(1);
            var session = Assert.Single(relay.Sessions.List(after: 0, limit: 10));
            Assert.Equal(0, relay.Sessions.CutAll("cluster", "other"));
            Assert.False(relay.Sessions.Cut(session.Id + 1));
            Assert.True(relay.Sessions.Cut(session.Id));
            await client.AssertResetAsync();
            await server.AssertResetAsync();
        }

        await AssertEndAsync(relay, "cut", SessionParty.Gateway);
        Assert.Equal(0, relay.Sessions.Count);
    }

    [Fact]
    public async Task Refused_AtTheLimit_MakesARecordToo()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Copy, static route => route with { Limits = new RouteLimits { MaxConnections = 1 } });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            using var second = await relay.ConnectAsync();
            await second.AssertFinAsync();
            var record = Assert.Single(relay.Ended);
            Assert.Equal(("max_connections", SessionParty.Gateway, "route"), (record.Outcome, record.ClosedBy, record.RouteId));
            Assert.Equal(second.LocalEndPoint, record.ClientEndPoint);
        }
    }

    [Fact]
    public async Task List_ByPages_NamesEverySessionOnce()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Copy);
        var sockets = new List<Socket>();
        for (var i = 0; i < 7; i++)
        {
            var (client, server) = await relay.ConnectPairAsync();
            sockets.AddRange([client, server]);
        }

        var seen = new List<long>();
        while (relay.Sessions.List(seen.LastOrDefault(), limit: 3) is { Count: > 0 } page)
        {
            Assert.True(page.Count <= 3);
            seen.AddRange(page.Select(static session => session.Id));
        }

        Assert.Equal(7, seen.Distinct().Count());
        Assert.Equal(seen.Order(), seen);
        sockets.ForEach(static socket => socket.Dispose());
        await relay.WaitUntilIdleAsync();
    }

    private static async Task<SessionRecord> AssertEndAsync(RelayFixture relay, string outcome, SessionParty closedBy)
    {
        await relay.WaitUntilIdleAsync();
        var record = Assert.Single(relay.Ended);
        Assert.Equal((outcome, closedBy), (record.Outcome, record.ClosedBy));
        return record;
    }
}
