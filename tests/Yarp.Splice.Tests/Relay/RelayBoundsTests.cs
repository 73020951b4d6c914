using System.Diagnostics;
using System.Net.Sockets;

namespace Yarp.Splice.Tests.Relay;

/// <summary>What stalled readers may cost, and what must not suffer from them.</summary>
public class RelayBoundsTests
{
    [Theory]
    [CombinedModes]
    public async Task StalledReader_LittleWaitsUnsentAndAllArrivesInTheEnd(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (stalled, reader) = await relay.ConnectPairAsync();
        using (stalled)
        using (reader)
        {
            reader.ReceiveBufferSize = 64 * 1024;
            var sent = await stalled.SendUntilStalledAsync();
            var (unsent, _) = KernelQueues.OfPeer(reader);
            // 256 KiB unsent, what is on its way to a window of at most 128 KiB, and one transfer that began below the limit.
            // What the kernel relays may wait before the gateway instead, while the machine is busy.
            Assert.InRange(unsent, mode == SpliceMode.Sockmap ? 0 : 1, 1024 * 1024);
            stalled.Shutdown(SocketShutdown.Send);
            SocketFlow.AssertSame(sent, await reader.ReceiveToEndAsync());
        }
    }

    [Theory]
    [CombinedModes]
    public async Task StalledSessions_OthersOnTheSameLoopsGoOn(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var stalled = new List<Socket>();
        for (var i = 0; i < 10; i++)
        {
            var (sender, reader) = await relay.ConnectPairAsync();
            stalled.AddRange([sender, reader]);
        }

        await Task.WhenAll(stalled.Where(static (_, i) => i % 2 == 0).Select(static sender => Task.Run(sender.SendUntilStalledAsync)));

        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var times = new List<double>();
            for (var i = 0; i < 100; i++)
            {
                var started = Stopwatch.GetTimestamp();
                await client.SendAllAsync(new[] { (byte)i });
                Assert.Equal((byte)i, (await server.ReceiveExactlyAsync(1))[0]);
                times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }

            times.Sort();
            Assert.True(times[50] < 40, $"half of the messages took more than {times[50]:F1} ms");
        }

        stalled.ForEach(static socket => socket.Reset());
    }

    [Fact]
    public async Task MoreThanFourGibibytes_AreCountedRight()
    {
        const long Size = (4L << 30) + 12_345;
        await using var relay = RelayFixture.Create(SpliceMode.Auto);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var block = SocketFlow.Payload(1024 * 1024);
            // Threads of their own: blocking two of the pool's would hold up the tests that run beside this one.
            var sending = Task.Factory.StartNew(() =>
            {
                for (var left = Size; left > 0;)
                {
                    left -= client.Send(block, (int)Math.Min(left, block.Length), SocketFlags.None);
                }

                client.Shutdown(SocketShutdown.Send);
            }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            var receiving = Task.Factory.StartNew(() =>
            {
                var buffer = new byte[block.Length];
                long total = 0;
                while (true)
                {
                    var offset = (int)(total % block.Length);
                    var received = server.Receive(buffer, block.Length - offset, SocketFlags.None);
                    if (received == 0)
                    {
                        return total;
                    }

                    Assert.True(buffer.AsSpan(0, received).SequenceEqual(block.AsSpan(offset, received)), $"other bytes from {total} on");
                    total += received;
                }
            }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            await sending.WaitAsync(Testing.Deadline.OnThisMachine(TimeSpan.FromMinutes(2)));
            Assert.Equal(Size, await receiving.WaitAsync(Testing.Deadline.OnThisMachine(TimeSpan.FromMinutes(2))));
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(Size, relay.Metrics.Sum("splice.bytes", ("direction", "upstream")));
        Assert.Equal(0, relay.Metrics.Sum("splice.bytes", ("direction", "client")));
        var session = Assert.Single(relay.Ended);
        Assert.Equal((Size, 0), (session.BytesToUpstream, session.BytesToClient));
    }

    [Theory]
    [CombinedModes]
    public async Task HandOver_AtRandomSplitPoints_KeepsTheOrder(SpliceMode mode)
    {
        var random = new Random((int)mode);
        for (var i = 0; i < 25; i++)
        {
            var data = SocketFlow.Payload(random.Next(1, 300_000));
            var split = random.Next(Math.Min(data.Length, 64 * 1024) + 1);
            await using var relay = RelayFixture.Create(mode, prefix: data[..split]);
            using var client = await relay.ConnectAsync();
            var sending = client.SendAllAsync(data.AsMemory(split), chunk: random.Next(1, 100_000));
            using var server = await relay.AcceptAsync();
            var receiving = server.ReceiveToEndAsync();
            await sending;
            client.Shutdown(SocketShutdown.Send);
            SocketFlow.AssertSame(data, await receiving);
        }
    }
}
