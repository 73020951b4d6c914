using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Relay;

/// <summary>What only mode Sockmap does, in both forms: the kernel relays, and user space sleeps.</summary>
public class SockmapRelayTests
{
    private const string FellBack = "runs as Splice";

    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact))]
    [InlineData(nameof(SockmapForm.Credit))]
    public async Task Established_HundredThousandMessages_HardlyWakeTheLoops(string form)
    {
        const int Messages = 100_000;
        await using var relay = Create(form);
        var (client, server) = await ConnectArmedPairAsync(relay);
        using (client)
        using (server)
        {
            var threads = await relay.GetLoopThreadsAsync();
            var before = threads.Sum(WakeUps);
            await Task.Run(() =>
            {
                Span<byte> message = stackalloc byte[64];
                for (var i = 0; i < Messages / 2; i++)
                {
                    BitConverter.TryWriteBytes(message, i);
                    Exchange(client, server, message, i);
                    Exchange(server, client, message, i);
                }
            });
            var wakeUps = threads.Sum(WakeUps) - before;
            Assert.True(wakeUps < Messages / 50, $"{wakeUps} wake-ups of event loops for {Messages} messages");
        }

        await relay.WaitUntilIdleAsync();
        AssertNoFallback(relay);
        var ended = Assert.Single(relay.Log.Entries, static entry => entry.Id == 101);
        Assert.Contains($"{(Messages / 2 * 64) + 2} bytes to the destination, {(Messages / 2 * 64) + 2} to the client", ended.Text, StringComparison.Ordinal);
    }

    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact))]
    [InlineData(nameof(SockmapForm.Credit))]
    public async Task ArmedSessions_RandomSizesPausesAndHalfCloses_AreIntact(string form)
    {
        await using var relay = Create(form);
        var pairs = new List<(Socket Client, Socket Server)>();
        for (var i = 0; i < 100; i++)
        {
            pairs.Add(await ConnectArmedPairAsync(relay));
        }

        await Task.WhenAll(pairs.Select(async (pair, seed) =>
        {
            var random = new Random(seed);
            var (client, server) = pair;
            using (client)
            using (server)
            {
                var up = Enumerable.Range(0, random.Next(1, 10)).Select(_ => Message(random)).ToArray();
                var down = Enumerable.Range(0, random.Next(1, 10)).Select(_ => Message(random)).ToArray();
                var receivedUp = server.ReceiveToEndAsync();
                var receivedDown = client.ReceiveToEndAsync();
                await Task.WhenAll(SendAsync(client, up, new Random(seed)), SendAsync(server, down, new Random(~seed)));
                SocketFlow.AssertSame([.. up.SelectMany(static message => message)], await receivedUp);
                SocketFlow.AssertSame([.. down.SelectMany(static message => message)], await receivedDown);
            }
        }));
        await relay.WaitUntilIdleAsync();
        AssertNoFallback(relay);
    }

    [RequiresBpfFact]
    public async Task MoreThanFourGibibytes_AreCountedAndIntact()
    {
        const int Block = 128 * 1024;
        const int Blocks = (int)((4L << 30) / Block) + 8;
        await using var relay = Create(nameof(SockmapForm.Exact));
        var (client, server) = await ConnectArmedPairAsync(relay);
        using (client)
        using (server)
        {
            var answering = Task.Factory.StartNew(() =>
            {
                var block = new byte[Block];
                for (var i = 0; i < Blocks; i++)
                {
                    ReceiveExactly(server, block);
                    Assert.Equal((i, ~i), (BitConverter.ToInt32(block), BitConverter.ToInt32(block, Block - 4)));
                    server.Send(block, 0, 1, SocketFlags.None);
                }
            }, TaskCreationOptions.LongRunning);
            // Block by block, so that the window is never used up and the kernel redirects all of them.
            await Task.Factory.StartNew(() =>
            {
                var block = new byte[Block];
                for (var i = 0; i < Blocks; i++)
                {
                    BitConverter.TryWriteBytes(block, i);
                    BitConverter.TryWriteBytes(block.AsSpan(Block - 4), ~i);
                    client.Send(block);
                    ReceiveExactly(client, block.AsSpan(0, 1));
                }
            }, TaskCreationOptions.LongRunning);
            await answering;
        }

        await relay.WaitUntilIdleAsync();
        var ended = Assert.Single(relay.Log.Entries, static entry => entry.Id == 101);
        Assert.Contains($"{((long)Blocks * Block) + 2} bytes to the destination, {Blocks + 2} to the client", ended.Text, StringComparison.Ordinal);
    }

    /// <summary>
    /// One byte a segment is the worst case: the kernel spends some hundred times its size on it. Copy stops a sender after 8.5 MB of such
    /// segments, which the receive buffer has merged by then.
    /// </summary>
    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact), 1)]
    [InlineData(nameof(SockmapForm.Exact), 64 * 1024)]
    [InlineData(nameof(SockmapForm.Credit), 64 * 1024)]
    public async Task StalledReaders_BothDirections_StopTheirSendersAndGetEverything(string form, int size)
    {
        await using var relay = Create(form);
        var (client, server) = await ConnectArmedPairAsync(relay);
        using (client)
        using (server)
        {
            var stopped = await Task.WhenAll(Task.Run(() => SendUntilStopped(client, size)), Task.Run(() => SendUntilStopped(server, size)));
            Assert.All(stopped, static bytes => Assert.InRange(bytes, 1, 24 * 1024 * 1024));
            // A queue that nothing limits would hold a buffer for each of the millions of segments. Other tests and programs have some too.
            Assert.InRange(SegmentsInKernel(), 0, 200_000);
            client.Blocking = server.Blocking = true;
            var received = await Task.WhenAll(server.ReceiveExactlyAsync((int)stopped[0]), client.ReceiveExactlyAsync((int)stopped[1]));
            Assert.All(received, static bytes => Assert.Equal(-1, FirstWrongByte(bytes)));

            // And the session goes on.
            await client.SendAllAsync("after"u8.ToArray());
            Assert.Equal("after"u8.ToArray(), await server.ReceiveExactlyAsync(5));
        }

        await relay.WaitUntilIdleAsync();
        AssertNoFallback(relay);
    }

    [RequiresBpfFact]
    public async Task FinBeforeArming_FallsBackOnceAndNothingIsLost()
    {
        await using var relay = Create(nameof(SockmapForm.Exact));
        for (var i = 0; i < 3; i++)
        {
            var (client, server) = await relay.ConnectPairAsync();
            using (client)
            using (server)
            {
                client.Shutdown(SocketShutdown.Send);
                await server.AssertFinAsync();
                var data = SocketFlow.Payload(1_000_000);
                var received = client.ReceiveToEndAsync();
                await server.SendAllAsync(data);
                server.Shutdown(SocketShutdown.Send);
                SocketFlow.AssertSame(data, await received);
            }
        }

        await relay.WaitUntilIdleAsync();
        Assert.Single(relay.Log.Entries, static entry => entry.Id == 104 && entry.Text.Contains("finished sending", StringComparison.Ordinal));
    }

    [RequiresBpfFact]
    public async Task ShortConnections_AreNotArmed()
    {
        await using var relay = Create(nameof(SockmapForm.Exact));
        for (var i = 0; i < 20; i++)
        {
            var (client, server) = await relay.ConnectPairAsync();
            await client.SendAllAsync("question"u8.ToArray());
            await server.ReceiveExactlyAsync(8);
            await server.SendAllAsync("answer"u8.ToArray());
            await client.ReceiveExactlyAsync(6);
            client.Dispose();
            await server.AssertFinAsync();
            server.Dispose();
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(0, relay.ArmedDirections);
        AssertNoFallback(relay);
    }

    [Fact]
    public async Task Refused_SessionsRunAsSpliceAndTheLogSaysWhyOnce()
    {
        await using var relay = RelayFixture.CreateSockmap(static _ => new SockmapSupport(null, "the process lacks CAP_BPF"));
        for (var i = 0; i < 3; i++)
        {
            var (client, server) = await relay.ConnectPairAsync();
            using (client)
            using (server)
            {
                var data = SocketFlow.Payload(2_000_000);
                var received = server.ReceiveToEndAsync();
                await client.SendAllAsync(data);
                client.Shutdown(SocketShutdown.Send);
                SocketFlow.AssertSame(data, await received);
            }
        }

        await relay.WaitUntilIdleAsync();
        Assert.Single(relay.Log.Entries, static entry =>
            entry.Id == 104 && entry.Text.Contains($"{FellBack}: the process lacks CAP_BPF", StringComparison.Ordinal));
    }

    private static RelayFixture Create(string form) =>
        RelayFixture.CreateSockmap(loops => SockmapSupport.Load(Enum.Parse<SockmapForm>(form), loops, null));

    private static async Task<(Socket Client, Socket Server)> ConnectArmedPairAsync(RelayFixture relay)
    {
        var before = relay.ArmedDirections;
        var (client, server) = await relay.ConnectPairAsync();
        for (var i = 0; i < 2; i++)
        {
            await client.SendAllAsync("u"u8.ToArray());
            await server.ReceiveExactlyAsync(1);
            await server.SendAllAsync("d"u8.ToArray());
            await client.ReceiveExactlyAsync(1);
        }

        Assert.True(await Task.Run(() => SpinWait.SpinUntil(() => relay.ArmedDirections == before + 2, RelayFixture.Deadline)), "not armed");
        return (client, server);
    }

    private static void Exchange(Socket from, Socket to, ReadOnlySpan<byte> message, int number)
    {
        from.Send(message);
        Span<byte> received = stackalloc byte[64];
        ReceiveExactly(to, received);
        Assert.Equal(number, BitConverter.ToInt32(received));
    }

    private static void ReceiveExactly(Socket socket, Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var count = socket.Receive(bytes);
            Assert.True(count > 0, "the stream ended");
            bytes = bytes[count..];
        }
    }

    private static byte[] Message(Random random)
    {
        var message = new byte[random.Next(4) == 0 ? random.Next(1, 600_000) : random.Next(1, 5_000)];
        random.NextBytes(message);
        return message;
    }

    private static async Task SendAsync(Socket socket, byte[][] messages, Random random)
    {
        foreach (var message in messages)
        {
            await socket.SendAllAsync(message, random.Next(1, 70_000));
            if (random.Next(3) == 0)
            {
                await Task.Delay(random.Next(5));
            }
        }

        socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Sends messages whose bytes count up until the socket takes no more for a quarter of a second; returns the number of bytes.</summary>
    private static long SendUntilStopped(Socket socket, int size)
    {
        socket.Blocking = false;
        var message = new byte[size];
        var total = 0L;
        for (var lastProgress = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(lastProgress) < TimeSpan.FromMilliseconds(250);)
        {
            for (var i = 0; i < size; i++)
            {
                message[i] = (byte)((total + i) % 251);
            }

            var sent = socket.Send(message, SocketFlags.None, out var error);
            if (error == SocketError.Success)
            {
                total += sent;
                lastProgress = Stopwatch.GetTimestamp();
                Assert.True(total < 64 * 1024 * 1024, "the sender was never stopped");
            }
            else
            {
                Assert.Equal(SocketError.WouldBlock, error);
                Thread.Sleep(5);
            }
        }

        return total;
    }

    /// <summary>Socket buffers in use on the whole machine; zero where only root may know.</summary>
    private static long SegmentsInKernel()
    {
        try
        {
            return File.ReadLines("/proc/slabinfo").Where(static line => line.StartsWith("skbuff_head_cache", StringComparison.Ordinal))
                .Sum(static line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture));
        }
        catch (UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private static int FirstWrongByte(byte[] bytes)
    {
        var wrong = 0;
        while (wrong < bytes.Length && bytes[wrong] == (byte)(wrong % 251))
        {
            wrong++;
        }

        return wrong == bytes.Length ? -1 : wrong;
    }

    private static void AssertNoFallback(RelayFixture relay) =>
        Assert.DoesNotContain(relay.Log.Entries, static entry => entry.Text.Contains(FellBack, StringComparison.Ordinal));

    private static long WakeUps(int thread) => long.Parse(
        File.ReadLines($"/proc/self/task/{thread}/status").First(static line => line.StartsWith("voluntary_ctxt_switches", StringComparison.Ordinal))
            .Split(':')[1], CultureInfo.InvariantCulture);
}
