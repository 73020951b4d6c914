using System.Diagnostics;
using System.Net.Sockets;
using Yarp.Splice.Limits;

namespace Yarp.Splice.Tests.Relay;

/// <summary>What happens to clients when the route or its destinations have no place for them.</summary>
public class RelayLimitTests
{
    private static readonly RouteLimits s_patient = new() { QueueTimeout = TimeSpan.FromSeconds(20) };
    private static readonly RouteLimits s_one = s_patient with { MaxConnections = 1 };

    /// <summary>Whether the place is one at the route or one at the destination.</summary>
    public static TheoryData<bool> Kinds => [false, true];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Full_WithQueue_ServesThoseWhoWaitInTheirOrder(bool atDestination)
    {
        await using var relay = Create(atDestination, s_patient);
        var sessions = new Queue<(Socket Client, Socket Server)>();
        sessions.Enqueue(await relay.ConnectPairAsync());
        var waiting = new Queue<Socket>();
        for (var i = 0; i < 5; i++)
        {
            var client = await relay.ConnectAsync();
            await client.SendAllAsync(new[] { (byte)i });
            waiting.Enqueue(client);
            await WaitForQueueAsync(relay, i + 1);
        }

        Assert.False(relay.Upstream.Poll(TimeSpan.FromMilliseconds(50), SelectMode.SelectRead));
        for (var i = 0; i < 5; i++)
        {
            var (client, server) = sessions.Dequeue();
            client.Dispose();
            server.Dispose();
            var next = await relay.AcceptAsync();
            Assert.Equal(i, (await next.ReceiveExactlyAsync(1))[0]);
            sessions.Enqueue((waiting.Dequeue(), next));
        }

        var (last, lastServer) = sessions.Dequeue();
        last.Dispose();
        lastServer.Dispose();
        await relay.WaitUntilIdleAsync();
        Assert.Equal(0, relay.Metrics.Sum("splice.queue.length"));
        Assert.Equal(5, relay.Metrics.Count("splice.queue.duration", ("splice.outcome", "served")));
        Assert.Equal(0, relay.Metrics.Sum("splice.refused"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Full_NoPlaceWithinQueueTimeout_ClosesWithFin(bool atDestination)
    {
        await using var relay = Create(atDestination, new RouteLimits { QueueTimeout = TimeSpan.FromMilliseconds(300) });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var started = Stopwatch.GetTimestamp();
            using var waiting = await relay.ConnectAsync();
            await waiting.AssertFinAsync();
            Assert.True(Stopwatch.GetElapsedTime(started) >= TimeSpan.FromMilliseconds(250));
            Assert.Equal(1, relay.Metrics.Sum("splice.refused", ("splice.reason", "queue_timeout")));
            Assert.Equal(1, relay.Metrics.Count("splice.queue.duration", ("splice.outcome", "timeout")));
            Assert.Contains(relay.Log.Entries, static entry => entry.Id == 105 && entry.Text.Contains("Splice:QueueTimeout", StringComparison.Ordinal));
            await client.SendAllAsync("x"u8.ToArray());
            await server.ReceiveExactlyAsync(1);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Full_WithoutQueue_ClosesAtOnce(bool atDestination)
    {
        await using var relay = Create(atDestination, RouteLimits.None);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            using var refused = await relay.ConnectAsync();
            await refused.AssertFinAsync();
            Assert.Equal(1, relay.Metrics.Sum("splice.refused", ("splice.reason", atDestination ? "destinations_full" : "max_connections")));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Full_MoreThanMaxQueueWait_ClosesTheNext(bool atDestination)
    {
        await using var relay = Create(atDestination, s_patient with { MaxQueue = 2 });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            using var first = await relay.ConnectAsync();
            using var second = await relay.ConnectAsync();
            await WaitForQueueAsync(relay, 2);
            using var third = await relay.ConnectAsync();
            await third.AssertFinAsync();
            Assert.Equal(1, relay.Metrics.Sum("splice.refused", ("splice.reason", "queue_full")));
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task ClientLeavesWhileItWaits_TheNextGetsThePlace(bool atDestination, bool byReset)
    {
        await using var relay = Create(atDestination, s_patient);
        var (client, server) = await relay.ConnectPairAsync();
        var leaving = await relay.ConnectAsync();
        await WaitForQueueAsync(relay, 1);
        using var staying = await relay.ConnectAsync();
        await WaitForQueueAsync(relay, 2);
        if (byReset)
        {
            leaving.Reset();
        }
        else
        {
            leaving.Dispose();
        }

        await WaitForQueueAsync(relay, 1);
        client.Dispose();
        server.Dispose();
        await staying.SendAllAsync("me"u8.ToArray());
        using var next = await relay.AcceptAsync();
        Assert.Equal("me"u8.ToArray(), await next.ReceiveExactlyAsync(2));
        Assert.Equal(1, relay.Metrics.Count("splice.queue.duration", ("splice.outcome", "left")));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task ClientHasFinishedItsRequestWhileItWaits_StillGetsItsAnswer(bool atDestination)
    {
        await using var relay = Create(atDestination, s_patient);
        var (client, server) = await relay.ConnectPairAsync();
        using var waiting = await relay.ConnectAsync();
        await waiting.SendAllAsync("question"u8.ToArray());
        waiting.Shutdown(SocketShutdown.Send);
        await WaitForQueueAsync(relay, 1);
        client.Dispose();
        server.Dispose();
        using var next = await relay.AcceptAsync();
        Assert.Equal("question"u8.ToArray(), await next.ReceiveToEndAsync());
        await next.SendAllAsync("answer"u8.ToArray());
        next.Shutdown(SocketShutdown.Send);
        Assert.Equal("answer"u8.ToArray(), await waiting.ReceiveToEndAsync());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task QueuedClientSendsALot_NothingIsRead(bool atDestination)
    {
        await using var relay = Create(atDestination, s_patient);
        var (client, server) = await relay.ConnectPairAsync();
        using var waiting = await relay.ConnectAsync();
        waiting.SendBufferSize = 64 * 1024;
        var sent = await waiting.SendUntilStalledAsync();
        Assert.InRange(sent.Length, 1, 8 * 1024 * 1024);
        client.Dispose();
        server.Dispose();
        waiting.Shutdown(SocketShutdown.Send);
        using var next = await relay.AcceptAsync();
        SocketFlow.AssertSame(sent, await next.ReceiveToEndAsync());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task ManyClients_NeverMoreSessionsThanAllowedAndAllAreServed(bool atDestination)
    {
        const int Allowed = 3;
        const int Clients = 60;
        // However slow the machine is: a client whose byte nobody has read is reset where it gets no place in time.
        await using var relay = Create(atDestination, new RouteLimits { QueueTimeout = TimeSpan.FromHours(1) }, Allowed);
        var served = Task.Run(async () =>
        {
            var open = new Queue<Socket>();
            for (var i = 0; i < Clients; i++)
            {
                var server = await relay.AcceptAsync();
                await server.ReceiveExactlyAsync(1);
                open.Enqueue(server);
                Assert.InRange(relay.Acquired, 0, Allowed);
                if (open.Count == Allowed)
                {
                    open.Dequeue().Dispose();
                }
            }

            while (open.TryDequeue(out var server))
            {
                server.Dispose();
            }
        });
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            using var client = await relay.ConnectAsync();
            await client.SendAllAsync(new byte[1]);
            await client.AssertFinAsync();
        }));
        await served.WaitAsync(RelayFixture.Deadline);
        await relay.WaitUntilIdleAsync();
        Assert.Equal(0, relay.Metrics.Sum("splice.queue.length"));
        Assert.Equal(0, relay.Metrics.Sum("splice.refused"));
    }

    [Fact]
    public async Task ADestinationIsFull_TheNextOneIsUsed()
    {
        await using var relay = RelayFixture.CreateLimited(1, RouteLimits.None, "127.0.0.1:{port}", "127.0.0.2:{port}");
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        other.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Parse("127.0.0.2"), ((System.Net.IPEndPoint)relay.Upstream.LocalEndPoint!).Port));
        other.Listen();
        var (client, server) = await relay.ConnectPairAsync();
        using var second = await relay.ConnectAsync();
        using var secondServer = await other.AcceptAsync().WaitAsync(RelayFixture.Deadline);
        using var third = await relay.ConnectAsync();
        await third.AssertFinAsync();
        client.Dispose();
        server.Dispose();
    }

    [Fact]
    public async Task TheOnlyFreeDestinationRefuses_TheClientWaitsForTheFullOne()
    {
        await using var relay = RelayFixture.CreateLimited(1, s_patient, "127.0.0.1:{port}", "tcp://127.0.0.1:1");
        var (client, server) = await relay.ConnectPairAsync();
        using var waiting = await relay.ConnectAsync();
        await WaitForQueueAsync(relay, 1);
        client.Dispose();
        server.Dispose();
        using var next = await relay.AcceptAsync();
        await next.SendAllAsync("x"u8.ToArray());
        await waiting.ReceiveExactlyAsync(1);
    }

    [Fact]
    public async Task Reload_RaisesTheLimit_CountsGoOnAndThoseWhoWaitGoFirst()
    {
        await using var relay = Create(atDestination: false, s_patient);
        var (client, server) = await relay.ConnectPairAsync();
        using var waiting = await relay.ConnectAsync();
        await waiting.SendAllAsync("1"u8.ToArray());
        await WaitForQueueAsync(relay, 1);
        relay.Route = relay.Route with { Limits = s_one with { MaxConnections = 2 } };
        using var newcomer = await relay.ConnectAsync();
        using var next = await relay.AcceptAsync();
        Assert.Equal("1"u8.ToArray(), await next.ReceiveExactlyAsync(1));
        await WaitForQueueAsync(relay, 1);
        client.Dispose();
        server.Dispose();
        using var last = await relay.AcceptAsync();
        await newcomer.SendAllAsync("2"u8.ToArray());
        Assert.Equal("2"u8.ToArray(), await last.ReceiveExactlyAsync(1));
    }

    [Fact]
    public async Task Drain_CutsThoseWhoWaitToo()
    {
        await using var relay = Create(atDestination: false, s_patient);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            using var waiting = await relay.ConnectAsync();
            await WaitForQueueAsync(relay, 1);
            using var now = new CancellationTokenSource();
            await now.CancelAsync();
            Assert.Equal(2, await relay.Engine.DrainAsync(now.Token).WaitAsync(RelayFixture.Deadline));
            await waiting.AssertResetAsync();
            Assert.Equal(0, relay.Metrics.Sum("splice.queue.length"));
        }
    }

    [Fact]
    public async Task ConnectionRate_TooManyFromOneSource_ClosesThoseAtOnceAndSaysSo()
    {
        await using var relay = RelayFixture.Create(
            SpliceMode.Copy, static route => route with { Limits = new RouteLimits { ConnectionRate = 1, ConnectionBurst = 3 } });
        var started = Stopwatch.GetTimestamp();
        var clients = new List<Socket>();
        for (var i = 0; i < 40; i++)
        {
            clients.Add(await relay.ConnectAsync());
        }

        var refused = 0;
        while (refused + relay.Acquired < clients.Count)
        {
            await Task.Delay(10);
            refused = (int)relay.Metrics.Sum("splice.refused", ("splice.reason", "connection_rate"));
            Assert.True(Stopwatch.GetElapsedTime(started) < RelayFixture.Deadline);
        }

        Assert.InRange(clients.Count - refused, 3, 4 + Stopwatch.GetElapsedTime(started).TotalSeconds);
        Assert.Contains(relay.Log.Entries, static entry => entry.Id == 105 && entry.Text.Contains("Splice:ConnectionRate", StringComparison.Ordinal));
        clients.ForEach(static client => client.Dispose());
    }

    private static RelayFixture Create(bool atDestination, RouteLimits limits, int allowed = 1) => atDestination
        ? RelayFixture.CreateLimited(allowed, limits)
        : RelayFixture.Create(SpliceMode.Splice, route => route with { Limits = limits with { MaxConnections = allowed } });

    private static async Task WaitForQueueAsync(RelayFixture relay, int length)
    {
        var started = Stopwatch.GetTimestamp();
        while (relay.Metrics.Sum("splice.queue.length") != length)
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < RelayFixture.Deadline, $"{relay.Metrics.Sum("splice.queue.length")} clients wait, not {length}");
            await Task.Delay(5);
        }
    }
}
