using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Yarp.Splice.Limits;

namespace Yarp.Splice.Tests.Relay;

/// <summary>FIN, RST and timeouts: each end is passed on, after everything that was sent before it.</summary>
public class RelayEndTests
{
    [Theory]
    [CombinedModes]
    public async Task ClientHalfCloses_ServerAnswersLater_AnswerArrivesThenFin(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            await client.SendAllAsync("request"u8.ToArray());
            client.Shutdown(SocketShutdown.Send);
            Assert.Equal("request"u8.ToArray(), await server.ReceiveToEndAsync());
            var answer = SocketFlow.Payload(4 * 1024 * 1024);
            var received = client.ReceiveToEndAsync();
            await server.SendAllAsync(answer);
            server.Shutdown(SocketShutdown.Send);
            SocketFlow.AssertSame(answer, await received);
        }

        await relay.WaitUntilIdleAsync();
    }

    [Theory]
    [CombinedModes]
    public async Task ServerHalfCloses_ClientUploads_ServerGetsAll(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            server.Shutdown(SocketShutdown.Send);
            await client.AssertFinAsync();
            var upload = SocketFlow.Payload(4 * 1024 * 1024);
            var received = server.ReceiveToEndAsync();
            await client.SendAllAsync(upload);
            client.Shutdown(SocketShutdown.Send);
            SocketFlow.AssertSame(upload, await received);
        }

        await relay.WaitUntilIdleAsync();
    }

    [Theory]
    [CombinedModes]
    public async Task BothHalfCloseAtOnce_EachGetsTheOthersBytesThenFin(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var (up, down) = (SocketFlow.Payload(90_000), SocketFlow.Payload(70_000));
            await Task.WhenAll(client.SendAllAsync(up), server.SendAllAsync(down));
            await Task.WhenAll(
                Task.Run(() => client.Shutdown(SocketShutdown.Send)), Task.Run(() => server.Shutdown(SocketShutdown.Send)));
            SocketFlow.AssertSame(up, await server.ReceiveToEndAsync());
            SocketFlow.AssertSame(down, await client.ReceiveToEndAsync());
        }

        await relay.WaitUntilIdleAsync();
        Assert.Contains(relay.Log.Entries, static entry => entry.Text.Contains("finished", StringComparison.Ordinal));
    }

    [Theory]
    [CombinedModes]
    public async Task ClientSendsAndClosesAtOnce_ServerGetsAllThenFin(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var data = SocketFlow.Payload(50_000);
        using (var client = await relay.ConnectAsync())
        {
            await client.SendAllAsync(data);
        }

        using var server = await relay.AcceptAsync();
        Assert.Equal(data, await server.ReceiveToEndAsync());
    }

    [Theory]
    [CombinedModes]
    public async Task ClientSendsNothingAndCloses_ServerSeesConnectAndFin(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        (await relay.ConnectAsync()).Dispose();
        using var server = await relay.AcceptAsync();
        await server.AssertFinAsync();
        server.Dispose();
        await relay.WaitUntilIdleAsync();
    }

    [Theory]
    [CombinedModes]
    public async Task ClientResets_ServerGetsWhatWasSentThenRst(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (server)
        {
            await client.SendAllAsync("before"u8.ToArray());
            Assert.Equal("before"u8.ToArray(), await server.ReceiveExactlyAsync(6));
            client.Reset();
            Assert.Equal(0, await server.AssertResetAsync());
        }

        await relay.WaitUntilIdleAsync();
    }

    [Theory]
    [CombinedModes]
    public async Task ServerResets_ClientGetsRst(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        {
            // Not before the relay knows that it is connected: until then a reset is a failed connect.
            await server.SendAllAsync(new byte[] { 1 });
            await client.ReceiveExactlyAsync(1);
            server.Reset();
            Assert.Equal(0, await client.AssertResetAsync());
        }

        await relay.WaitUntilIdleAsync();
    }

    [Theory]
    [CombinedModes]
    public async Task ServerSendsALotThenResets_SlowClientGetsTheDataBeforeTheRst(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        {
            // Small enough to be with the relay before the reset: what TCP itself throws away on RST cannot be passed on. And for a client that does not
            // read, whose window is 64 KiB with Linux 6.1.
            await server.SendAllAsync(SocketFlow.Payload(50_000));
            Assert.True(await Task.Run(() => SpinWait.SpinUntil(() => client.Available >= 50_000, RelayFixture.Deadline)));
            server.Reset();
            Assert.Equal(50_000, await client.AssertResetAsync());
        }

        await relay.WaitUntilIdleAsync();
    }

    [Theory]
    [CombinedModes]
    public async Task ServerResetsAfterTheClientsFin_ClientGetsRst(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        {
            client.Shutdown(SocketShutdown.Send);
            await server.AssertFinAsync();
            server.Reset();
            await client.AssertResetAsync();
        }

        await relay.WaitUntilIdleAsync();
    }

    [Theory]
    [CombinedModes]
    public async Task ClientResetsAfterTheServersFin_ServerGetsRst(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (server)
        {
            server.Shutdown(SocketShutdown.Send);
            await client.AssertFinAsync();
            client.Reset();
            await server.AssertResetAsync();
        }

        await relay.WaitUntilIdleAsync();
    }

    [Theory]
    [CombinedModes]
    public async Task ResetWhileTheOtherSideIsStalled_EndsTheSession(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode, static route => route with { HalfCloseTimeout = TimeSpan.FromSeconds(1) });
        var (client, server) = await relay.ConnectPairAsync();
        using (server)
        {
            client.Blocking = false;
            for (var quietRounds = 0; quietRounds < 10;)
            {
                client.Send(new byte[65_536], SocketFlags.None, out var error);
                quietRounds = error == SocketError.Success ? 0 : quietRounds + 1;
                await Task.Delay(quietRounds > 0 ? 10 : 0);
            }

            client.Reset();
            await relay.WaitUntilIdleAsync();
            await server.AssertResetAsync();
        }
    }

    [Theory]
    [CombinedModes]
    public async Task Idle_BothSidesGetFinAtTheTimeout(SpliceMode mode)
    {
        var timeout = TimeSpan.FromMilliseconds(400);
        await using var relay = RelayFixture.Create(mode, route => route with { IdleTimeout = timeout });
        var started = Stopwatch.GetTimestamp();
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            await Task.WhenAll(client.AssertFinAsync(), server.AssertFinAsync());
            Assert.True(Stopwatch.GetElapsedTime(started) >= timeout - TimeSpan.FromMilliseconds(50));
        }

        await relay.WaitUntilIdleAsync();
        Assert.Contains(relay.Log.Entries, static entry => entry.Text.Contains("idle_timeout", StringComparison.Ordinal));
    }

    [Theory]
    [CombinedModes]
    public async Task TrafficInOneDirectionOnly_IsNotIdle(SpliceMode mode)
    {
        var timeout = TimeSpan.FromSeconds(4);
        await using var relay = RelayFixture.Create(mode, route => route with { IdleTimeout = timeout });
        // A machine that stands still is silence too, and says nothing about traffic.
        for (var attempt = 0; !await IsServedAsync(); attempt++)
        {
            Assert.True(attempt < 8, "there was never a byte in time");
        }

        async Task<bool> IsServedAsync()
        {
            var (client, server) = await relay.ConnectPairAsync();
            using (client)
            using (server)
            {
                var last = Stopwatch.GetTimestamp();
                try
                {
                    for (var i = 0; i < 25; i++)
                    {
                        await server.SendAllAsync(new[] { (byte)i });
                        Assert.Equal((byte)i, (await client.ReceiveExactlyAsync(1))[0]);
                        last = Stopwatch.GetTimestamp();
                        await Task.Delay(200);
                    }

                    return true;
                }
                catch (Exception) when (Stopwatch.GetElapsedTime(last) > timeout / 2)
                {
                    return false;
                }
            }
        }
    }

    [Theory]
    [CombinedModes]
    public async Task HalfClosedThenSilent_ClosesAtTheHalfCloseTimeoutNotBefore(SpliceMode mode)
    {
        var timeout = TimeSpan.FromMilliseconds(500);
        await using var relay = RelayFixture.Create(mode, route => route with { HalfCloseTimeout = timeout });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var started = Stopwatch.GetTimestamp();
            client.Shutdown(SocketShutdown.Send);
            await server.AssertFinAsync();
            await client.AssertFinAsync();
            Assert.InRange(Stopwatch.GetElapsedTime(started), timeout - TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(20));
        }

        await relay.WaitUntilIdleAsync();
        Assert.Contains(relay.Log.Entries, static entry => entry.Text.Contains("half_close_timeout", StringComparison.Ordinal));
    }

    [Theory]
    [CombinedModes]
    public async Task ServerFinishesThenResets_WhileTheUploadWaits_SlowClientGetsTheWholeAnswer(SpliceMode mode)
    {
        // The rate keeps the upload waiting, so that the session is not over when both sides have finished sending.
        await using var relay = RelayFixture.Create(
            mode, static route => route with { Limits = new RouteLimits { BytesPerSecondToUpstream = 1024 } });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var (remote, local) = (((IPEndPoint)client.LocalEndPoint!).Port, ((IPEndPoint)client.RemoteEndPoint!).Port);
            client.ReceiveBufferSize = 4096;
            await client.SendAllAsync(new byte[16 * 1024]);
            client.Shutdown(SocketShutdown.Send);
            var answer = SocketFlow.Payload(200_000);
            await server.SendAllAsync(answer);
            server.Shutdown(SocketShutdown.Send);
            Assert.True(
                await Task.Run(() => SpinWait.SpinUntil(() => KernelQueues.AwaitsLastAcknowledgement(local, remote), RelayFixture.Deadline)),
                "the answer and FIN never got into the client's send queue");
            server.Reset();
            client.ReceiveBufferSize = 2 * answer.Length;
            SocketFlow.AssertSame(answer, await client.ReceiveToEndAsync());
        }

        await relay.WaitUntilIdleAsync();
    }
}
