using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Yarp.Splice.Tests.Relay;

/// <summary>Connecting goes wrong in unusual ways: resets right after the handshake, names that nobody resolves, clients that leave.</summary>
public class ConnectTroubleTests
{
    private const string Upstream = "127.0.0.1:{port}";

    [Theory]
    [CombinedModes]
    public async Task DestinationAcceptsAndResetsAtOnce_ClientIsReset(SpliceMode mode)
    {
        using var noticed = new ManualResetEvent(false);
        await using var relay = RelayFixture.Create(mode);
        relay.HoldAfterStart = noticed;
        using var client = await relay.ConnectAsync();
        (await relay.AcceptAsync()).Reset();
        noticed.Set();
        Assert.Equal(0, await client.AssertResetAsync());
        await relay.WaitUntilIdleAsync();
        Assert.Equal(1, relay.Metrics.Sum("splice.connect.failures", ("splice.reason", "Connection reset by peer (errno 104)")));
    }

    [Theory]
    [CombinedModes]
    public async Task DestinationAcceptsAndResetsAtOnce_NextOneServes(SpliceMode mode)
    {
        using var noticed = new ManualResetEvent(false);
        await using var relay = RelayFixture.Create(mode, null, null, Upstream, Upstream);
        relay.HoldAfterStart = noticed;
        using var client = await relay.ConnectAsync();
        await client.SendAllAsync("early"u8.ToArray());
        (await relay.AcceptAsync()).Reset();
        noticed.Set();
        using var server = await relay.AcceptAsync();
        Assert.Equal("early"u8.ToArray(), await server.ReceiveExactlyAsync(5));
        await server.SendAllAsync("answer"u8.ToArray());
        Assert.Equal("answer"u8.ToArray(), await client.ReceiveExactlyAsync(6));
    }

    [Theory]
    [CombinedModes]
    public async Task DestinationSaysWhyAndResetsAtOnce_ClientGetsTheWordsThenRst(SpliceMode mode)
    {
        using var noticed = new ManualResetEvent(false);
        await using var relay = RelayFixture.Create(mode, null, null, Upstream, Upstream);
        relay.HoldAfterStart = noticed;
        using var client = await relay.ConnectAsync();
        var server = await relay.AcceptAsync();
        await server.SendAllAsync("too many connections"u8.ToArray());
        server.Reset();
        noticed.Set();
        Assert.Equal(20, await client.AssertResetAsync());
        await relay.WaitUntilIdleAsync();
        Assert.Contains(relay.Log.Entries, static entry => entry.Text.Contains("upstream_reset", StringComparison.Ordinal));
    }

    [Theory]
    [CombinedModes]
    public async Task ClientFinishesSendingWhileConnecting_IsServed(SpliceMode mode)
    {
        using var blackHole = new BlackHole();
        await using var relay = RelayFixture.Create(
            mode, static route => route with { ConnectTimeout = TimeSpan.FromMilliseconds(500) }, null, $"127.0.0.1:{blackHole.Port}", Upstream);
        using var client = await relay.ConnectAsync();
        await client.SendAllAsync("question"u8.ToArray());
        client.Shutdown(SocketShutdown.Send);
        using var server = await relay.AcceptAsync();
        Assert.Equal("question"u8.ToArray(), await server.ReceiveToEndAsync());
        await server.SendAllAsync("answer"u8.ToArray());
        server.Shutdown(SocketShutdown.Send);
        Assert.Equal("answer"u8.ToArray(), await client.ReceiveToEndAsync());
    }

    [Theory]
    [CombinedModes]
    public async Task EarlyDataWhileConnecting_IsNotRead(SpliceMode mode)
    {
        using var blackHole = new BlackHole();
        await using var relay = RelayFixture.Create(mode, null, null, $"127.0.0.1:{blackHole.Port}");
        using var client = await relay.ConnectAsync();
        Assert.True(await Task.Run(() => SpinWait.SpinUntil(() => relay.Acquired == 1, RelayFixture.Deadline)));
        await client.SendAllAsync(SocketFlow.Payload(30_000));
        Assert.True(await Task.Run(() => SpinWait.SpinUntil(() => KernelQueues.OfPeer(client).Receiving == 30_000, RelayFixture.Deadline)));
        client.Reset();
    }

    [Fact]
    public async Task NameIsNotResolved_NextDestinationIsTriedAfterTheTimeoutAndOneQuestionWasAsked()
    {
        var timeout = TimeSpan.FromMilliseconds(300);
        await using var relay = RelayFixture.Create(
            SpliceMode.Copy, route => route with { ConnectTimeout = timeout }, null, "tcp://hangs.test:{port}", Upstream);
        var never = new TaskCompletionSource<IPAddress[]>();
        var questions = 0;
        relay.Destinations[0].Address.Lookup = _ =>
        {
            Interlocked.Increment(ref questions);
            return never.Task;
        };
        for (var i = 0; i < 3; i++)
        {
            var started = Stopwatch.GetTimestamp();
            var (client, server) = await relay.ConnectPairAsync();
            Assert.True(Stopwatch.GetElapsedTime(started) >= timeout - TimeSpan.FromMilliseconds(50));
            client.Dispose();
            server.Dispose();
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(1, questions);
        Assert.Equal(3, relay.Metrics.Sum("splice.connect.failures", ("splice.reason", "the name was not resolved in time")));
    }

    [Fact]
    public async Task ClientLeavesWhileItsNameIsResolved_SessionEndsAtOnce()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Copy, static route => route with { ConnectTimeout = TimeSpan.FromMinutes(5) }, null, "tcp://hangs.test:1");
        relay.Destinations[0].Address.Lookup = static _ => new TaskCompletionSource<IPAddress[]>().Task;
        var client = await relay.ConnectAsync();
        Assert.True(await Task.Run(() => SpinWait.SpinUntil(() => relay.Acquired == 1, RelayFixture.Deadline)));
        client.Reset();
        await relay.WaitUntilIdleAsync();
        Assert.Contains(relay.Log.Entries, static entry => entry.Text.Contains("client_left", StringComparison.Ordinal));
    }

    [Theory]
    [CombinedModes]
    public async Task FirstBytes_AreLetGoOnceSent(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode, prefix: SocketFlow.Payload(2_000));
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            await server.ReceiveExactlyAsync(2_000);
            // The loop may still be in the call that sent them.
            await client.SendAllAsync("x"u8.ToArray());
            await server.ReceiveExactlyAsync(1);
            GC.Collect();
            Assert.False(relay.LastPrefix!.IsAlive);
        }
    }
}
