using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Transport.Linux.Interop;

namespace Transport.Linux.Tests;

/// <summary>The meter: what it counts is what happened.</summary>
public class MetricsTests
{
    [Fact]
    public async Task Connections_AcceptedServedAndClosed_AreCountedWithTheirBytes()
    {
        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(meterFactory: metrics.Factory);
        await using var listener = await loops.BindAsync();
        for (var i = 1; i <= 8; i++)
        {
            using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await client.ConnectAsync((IPEndPoint)listener.EndPoint).WaitAsync(Deadline.Default);
            var server = (await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default))!;
            await client.SendAsync(new byte[1000]);
            var read = await server.Transport.Input.ReadAtLeastAsync(1000).AsTask().WaitAsync(Deadline.Default);
            server.Transport.Input.AdvanceTo(read.Buffer.End);
            await server.Transport.Output.WriteAsync(new byte[300]).AsTask().WaitAsync(Deadline.Default);
            // Counted while the connection is still open, once the loop has something to do with it.
            await client.SendAsync(new byte[1]);
            await server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
            Assert.Equal(i, metrics.Sum("transport.linux.connections.accepted"));
            // The loop counts a close when it comes round to it.
            var closed = i;
            await ConnectionPair.WaitUntilAsync(() => metrics.Sum("transport.linux.connections.closed") == closed);
            Assert.Equal(i * 300, metrics.Sum("transport.linux.bytes", "transmit"));
            Assert.InRange(metrics.Sum("transport.linux.bytes", "receive"), i * 1000, i * 1001);
        }

        Assert.Equal(0, metrics.Sum("transport.linux.connections.detached"));
    }

    [Fact]
    public async Task SentBytes_ConnectionStaysOpen_AreCountedAtItsNextEvent()
    {
        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(meterFactory: metrics.Factory);
        await using var listener = await loops.BindAsync();
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync((IPEndPoint)listener.EndPoint).WaitAsync(Deadline.Default);
        var server = (await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default))!;
        await server.Transport.Output.WriteAsync(new byte[300]).AsTask().WaitAsync(Deadline.Default);
        await client.ReceiveAsync(new byte[300]).WaitAsync(Deadline.Default);
        await client.SendAsync(Encoding.ASCII.GetBytes("x"));
        await ConnectionPair.WaitUntilAsync(() => metrics.Sum("transport.linux.bytes", "transmit") == 300);
        await server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        Assert.Equal(300, metrics.Sum("transport.linux.bytes", "transmit"));
    }

    [Fact]
    public async Task Detached_Connection_IsCountedAsSuchAndNotAsClosed()
    {
        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(meterFactory: metrics.Factory);
        await using var listener = await loops.BindAsync();
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync((IPEndPoint)listener.EndPoint).WaitAsync(Deadline.Default);
        var server = (await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default))!;
        using var detached = await server.Features.Get<IConnectionDetachFeature>()!.DetachAsync().AsTask().WaitAsync(Deadline.Default);
        Assert.Equal(1, metrics.Sum("transport.linux.connections.detached"));
        Assert.Equal(0, metrics.Sum("transport.linux.connections.closed"));
        await server.DisposeAsync();
    }

    [Fact]
    public async Task AcceptPaused_ListenerThatCannotAccept_CountsUntilItStops()
    {
        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(static options => options.ThreadCount = 1, metrics.Factory);
        using var accepted = new AcceptProbe();
        using var inherited = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        inherited.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var listener = loops.Group.Listen(new FileHandleEndPoint((ulong)inherited.Handle, FileHandleType.Tcp), accepted);
        await LoopFixture.OnLoop(loops.Group.Loops[0], static () => true);
        Assert.Equal(0, metrics.Sum("transport.linux.accept.paused"));
        // No longer a listening socket: accept4 answers EINVAL.
        Assert.Equal(0, SocketCalls.Shutdown((int)inherited.Handle, SocketCalls.SHUT_RDWR));
        await ConnectionPair.WaitUntilAsync(() => metrics.Sum("transport.linux.accept.paused") == 1);
        await listener.StopAsync().WaitAsync(Deadline.Default);
        Assert.Equal(0, metrics.Sum("transport.linux.accept.paused"));
    }

    [Fact]
    public async Task Utilization_OneLoopBusyAndOneIdle_TellsThemApart()
    {
        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(meterFactory: metrics.Factory);
        using var release = new ManualResetEventSlim();
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await LoopFixture.OnLoop(loops.Group.Loops[1], static () => true);
        loops.Group.Loops[0].Post(_ =>
        {
            entered.SetResult();
            release.Wait();
        }, null);
        await entered.Task.WaitAsync(Deadline.Default);
        metrics.Collect();
        var since = Stopwatch.GetTimestamp();
        await ConnectionPair.WaitUntilAsync(() => Stopwatch.GetElapsedTime(since) > TimeSpan.FromMilliseconds(200));
        metrics.Collect();
        release.Set();
        Assert.InRange(metrics.Of("transport.linux.loop.utilization", 0), 0.99, 1);
        Assert.InRange(metrics.Of("transport.linux.loop.utilization", 1), 0, 0.5);
    }

    [Fact]
    public void Collect_LoopsNotStarted_StartsNone()
    {
        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(meterFactory: metrics.Factory);
        Assert.Equal(0, metrics.Sum("transport.linux.connections.accepted"));
        Assert.Empty(loops.Log.Entries);
        Assert.Equal("{connection}", metrics.Units["transport.linux.connections.accepted"]);
        Assert.Equal("By", metrics.Units["transport.linux.bytes"]);
    }

    [Fact]
    public void Registration_WithMetrics_PublishesTheMeter()
    {
        using var metrics = new MetricReadings();
        using var services = new ServiceCollection().AddLogging().AddSingleton(metrics.Factory)
            .Configure<LinuxTransportOptions>(static options => options.ThreadCount = 1)
            .AddSingleton<EventLoopGroup>().BuildServiceProvider();
        _ = services.GetRequiredService<EventLoopGroup>().Loops;
        metrics.Collect();
        Assert.Equal(0, metrics.Of("transport.linux.connections.accepted", 0));
    }

    [Fact]
    public async Task AcceptQueue_LoopThatDoesNotComeToAccept_ShowsHowManyWait()
    {
        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(static options => (options.ThreadCount, options.Backlog) = (1, 7), metrics.Factory);
        using var accepted = new AcceptProbe();
        var listener = loops.Group.Listen(new IPEndPoint(IPAddress.Loopback, 0), accepted);
        using var release = new ManualResetEventSlim();
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loops.Group.Loops[0].Post(_ =>
        {
            entered.SetResult();
            release.Wait();
        }, null);
        await entered.Task.WaitAsync(Deadline.Default);
        using var first = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using var second = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await first.ConnectAsync(listener.EndPoint).WaitAsync(Deadline.Default);
        await second.ConnectAsync(listener.EndPoint).WaitAsync(Deadline.Default);
        await ConnectionPair.WaitUntilAsync(() => metrics.Sum("transport.linux.accept.queue.length") == 2);
        Assert.Equal(7, metrics.Sum("transport.linux.accept.queue.limit"));
        release.Set();
        await accepted.NextAsync();
        await accepted.NextAsync();
        Assert.Equal(0, metrics.Sum("transport.linux.accept.queue.length"));
        await listener.StopAsync().WaitAsync(Deadline.Default);
        Assert.Equal(0, metrics.Sum("transport.linux.accept.queue.limit"));
    }

    [Fact]
    public async Task AcceptQueue_ListenersThatHaveNone_AreLeftOutAndSharedOnesCountOnce()
    {
        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(static options => options.Backlog = 9, metrics.Factory);
        using var accepted = new AcceptProbe();
        using var inherited = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        inherited.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var shared = loops.Group.Listen(new FileHandleEndPoint((ulong)inherited.Handle, FileHandleType.Tcp), accepted);
        var unix = loops.Group.Listen(new UnixDomainSocketEndPoint($"\0{Guid.NewGuid():N}"), accepted);
        await LoopFixture.OnLoop(loops.Group.Loops[0], static () => true);
        await LoopFixture.OnLoop(loops.Group.Loops[1], static () => true);
        Assert.Equal(9, metrics.Sum("transport.linux.accept.queue.limit"));
        await shared.StopAsync().WaitAsync(Deadline.Default);
        await unix.StopAsync().WaitAsync(Deadline.Default);
    }

    [Fact]
    public async Task ActiveConnectionsAndDescriptors_AreThoseOfEachWorker()
    {
        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(meterFactory: metrics.Factory);
        await using var listener = await loops.BindAsync();
        var pairs = new List<(Socket Client, ConnectionContext Server)>();
        for (var i = 0; i < 16; i++)
        {
            var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await client.ConnectAsync(listener.EndPoint).WaitAsync(Deadline.Default);
            pairs.Add((client, (await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default))!));
        }

        metrics.Collect();
        foreach (var loop in loops.Group.Loops)
        {
            var accepted = metrics.Of("transport.linux.connections.accepted", loop.Index);
            Assert.Equal(accepted, metrics.Of("transport.linux.connections.active", loop.Index));
            // The listener is the one more.
            Assert.Equal(accepted + 1, metrics.Of("transport.linux.loop.descriptors", loop.Index));
        }

        using (await pairs[0].Server.Features.Get<IConnectionDetachFeature>()!.DetachAsync().AsTask().WaitAsync(Deadline.Default))
        {
            Assert.Equal(15, metrics.Sum("transport.linux.connections.active"));
        }

        foreach (var (client, server) in pairs)
        {
            await server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
            client.Dispose();
        }

        await ConnectionPair.WaitUntilAsync(() => metrics.Sum("transport.linux.connections.active") == 0);
    }

    [Fact]
    public async Task LongestRound_LoopThatIsHeldUp_SaysForHowLongWhileItLastsAndOnceAfter()
    {
        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(static options => options.ThreadCount = 1, metrics.Factory);
        using var release = new ManualResetEventSlim();
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loops.Group.Loops[0].Post(_ =>
        {
            entered.SetResult();
            release.Wait();
        }, null);
        await entered.Task.WaitAsync(Deadline.Default);
        await ConnectionPair.WaitUntilAsync(() => metrics.Sum("transport.linux.loop.round.max") > 0.1);
        var rounds = metrics.Of("transport.linux.loop.rounds", 0);
        release.Set();
        await ConnectionPair.WaitUntilAsync(() => metrics.Sum("transport.linux.loop.rounds") > rounds);
        Assert.True(loops.Group.Loops[0].Counters.Rounds > rounds);
        // The loop sleeps now; nothing new is long.
        await ConnectionPair.WaitUntilAsync(() => metrics.Sum("transport.linux.loop.round.max") < 0.1);
        Assert.Equal("s", metrics.Units["transport.linux.loop.round.max"]);
    }

    [RequiresMbindTheory]
    [InlineData(NumaMode.Bind)]
    public async Task PoolSize_ConnectionWithUnreadBytes_IsCountedOnItsNode(NumaMode mode)
    {
        using var metrics = new MetricReadings();
        using var loops = new LoopFixture(options => (options.ThreadCount, options.NumaMode) = (1, mode), metrics.Factory);
        Assert.Equal(0, metrics.Sum("transport.linux.pool.size"));
        await using var listener = await loops.BindAsync();
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.EndPoint).WaitAsync(Deadline.Default);
        var server = (await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default))!;
        await client.SendAsync(new byte[10_000]);
        var read = await server.Transport.Input.ReadAtLeastAsync(10_000).AsTask().WaitAsync(Deadline.Default);
        metrics.Collect();
        Assert.Equal(1 << 20, metrics.Of("transport.linux.pool.size", 0));
        Assert.InRange(metrics.Of("transport.linux.pool.used", 0), 10_000, 10 * 4096);
        server.Transport.Input.AdvanceTo(read.Buffer.End);
        await server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        await ConnectionPair.WaitUntilAsync(() => metrics.Sum("transport.linux.pool.used") == 0);
    }
}
