using System.Diagnostics;
using System.Net.Sockets;

namespace Yarp.Splice.Tests.Relay;

/// <summary>Bytes arrive exactly once and in order, whatever their sizes and pauses, in every mode.</summary>
public class RelayTransferTests
{
    [Theory]
    [CombinedModes]
    public async Task BothDirectionsAtOnce_LargeTransfers_AreIntact(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var up = SocketFlow.Payload(48_000_001);
            var down = SocketFlow.Payload(32_000_003);
            var receivedUp = server.ReceiveToEndAsync();
            var receivedDown = client.ReceiveToEndAsync();
            await Task.WhenAll(SendAndFinish(client, up), SendAndFinish(server, down));
            SocketFlow.AssertSame(up, await receivedUp);
            SocketFlow.AssertSame(down, await receivedDown);
        }

        await relay.WaitUntilIdleAsync();
    }

    [Theory]
    [CombinedModes]
    public async Task ConcurrentSessions_RandomSizesPausesAndCloseOrder_AreIntact(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        const int Sessions = 300;
        var echoServer = Task.Run(async () =>
        {
            var echoes = new List<Task>();
            for (var i = 0; i < Sessions; i++)
            {
                var server = await relay.AcceptAsync();
                echoes.Add(EchoAsync(server));
            }

            await Task.WhenAll(echoes);
        });
        var clients = Enumerable.Range(0, Sessions).Select(seed => Task.Run(async () =>
        {
            var random = new Random(seed);
            using var client = await relay.ConnectAsync();
            var sent = new MemoryStream();
            var receive = client.ReceiveToEndAsync();
            for (var messages = random.Next(1, 12); messages > 0; messages--)
            {
                var message = new byte[random.Next(4) == 0 ? random.Next(1, 400_000) : random.Next(1, 3_000)];
                random.NextBytes(message);
                sent.Write(message);
                await client.SendAllAsync(message, random.Next(1, 70_000));
                if (random.Next(3) == 0)
                {
                    await Task.Yield();
                }
            }

            client.Shutdown(SocketShutdown.Send);
            SocketFlow.AssertSame(sent.ToArray(), await receive);
        }));
        try
        {
            await Task.WhenAll(clients);
            await echoServer;
        }
        catch (SocketException exception)
        {
            await relay.WaitUntilIdleAsync();
            Assert.Fail($"{exception.Message}: {relay.DescribeEnds()}");
        }

        await relay.WaitUntilIdleAsync();
    }

    [Theory]
    [CombinedModes]
    public async Task Prefix_BeforeAnythingElse_InOrder(SpliceMode mode)
    {
        var prefix = SocketFlow.Payload(40_000);
        await using var relay = RelayFixture.Create(mode, prefix: prefix);
        using var client = await relay.ConnectAsync();
        var later = SocketFlow.Payload(200_000);
        await client.SendAllAsync(later);
        client.Shutdown(SocketShutdown.Send);
        using var server = await relay.AcceptAsync();
        SocketFlow.AssertSame([.. prefix, .. later], await server.ReceiveToEndAsync());
    }

    [Theory]
    [CombinedModes]
    public async Task ServerSpeaksFirst_BannerArrivesWhileTheClientIsSilent(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        await server.SendAllAsync("220 ready\r\n"u8.ToArray());
        Assert.Equal("220 ready\r\n"u8.ToArray(), await client.ReceiveExactlyAsync(11));
        client.Dispose();
        server.Dispose();
    }

    [Theory]
    [CombinedModes]
    public async Task PingPong_OneByteAtATimeAfterABurst_HasNoDelayedAcknowledgementStalls(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var burst = SocketFlow.Payload(8 * 1024 * 1024 + 1);
            var received = server.ReceiveExactlyAsync(burst.Length);
            await client.SendAllAsync(burst);
            SocketFlow.AssertSame(burst, await received);

            var echo = EchoAsync(server);
            var times = new List<double>();
            for (var i = 0; i < 200; i++)
            {
                var started = Stopwatch.GetTimestamp();
                await client.SendAllAsync(new byte[] { (byte)i });
                Assert.Equal((byte)i, (await client.ReceiveExactlyAsync(1))[0]);
                times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }

            // A corked or delayed byte takes 40 or 200 ms each time; a busy machine delays a few.
            times.Sort();
            Assert.True(times[180] < 40, $"nine of ten round trips took up to {times[180]:F1} ms");
            client.Shutdown(SocketShutdown.Send);
            await echo;
        }
    }

    [Theory]
    [CombinedModes]
    public async Task StalledReader_StopsTheSenderThenGetsEverything(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var sent = await client.SendUntilStalledAsync();
            client.Shutdown(SocketShutdown.Send);
            SocketFlow.AssertSame(sent, await server.ReceiveToEndAsync());
        }
    }

    private static async Task SendAndFinish(Socket socket, byte[] data)
    {
        await socket.SendAllAsync(data);
        socket.Shutdown(SocketShutdown.Send);
    }

    private static async Task EchoAsync(Socket server)
    {
        using (server)
        {
            var buffer = new byte[64 * 1024];
            int received;
            while ((received = await server.ReceiveAsync(buffer.AsMemory()).AsTask().WaitAsync(RelayFixture.Deadline)) > 0)
            {
                await server.SendAllAsync(buffer.AsMemory(0, received));
            }

            server.Shutdown(SocketShutdown.Send);
        }
    }
}
