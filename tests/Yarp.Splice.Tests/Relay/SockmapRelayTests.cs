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
        await using var relay = RelayFixture.CreateSockmap(form);
        var (client, server) = await relay.ConnectArmedPairAsync();
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
    [InlineData(nameof(SockmapForm.Exact), 100)]
    [InlineData(nameof(SockmapForm.Credit), 300)]
    public async Task ArmedSessions_RandomSizesPausesAndHalfCloses_AreIntact(string form, int sessions)
    {
        await using var relay = RelayFixture.CreateSockmap(form);
        var pairs = new List<(Socket Client, Socket Server)>();
        for (var i = 0; i < sessions; i++)
        {
            pairs.Add(await relay.ConnectArmedPairAsync());
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
        await using var relay = RelayFixture.CreateSockmap(nameof(SockmapForm.Exact));
        var (client, server) = await relay.ConnectArmedPairAsync();
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
        const long Upstream = ((long)Blocks * Block) + 2;
        var ended = Assert.Single(relay.Log.Entries, static entry => entry.Id == 101);
        Assert.Contains($"{Upstream} bytes to the destination, {Blocks + 2} to the client", ended.Text, StringComparison.Ordinal);
        var session = Assert.Single(relay.Ended);
        Assert.Equal((Upstream, Blocks + 2), (session.BytesToUpstream, session.BytesToClient));
        Assert.Equal(Upstream, relay.Metrics.Sum("splice.bytes", ("direction", "upstream")));
        Assert.Equal(Blocks + 2, relay.Metrics.Sum("splice.bytes", ("direction", "client")));
    }

    [RequiresBpfFact]
    public async Task FinBeforeArming_FallsBackOnceAndNothingIsLost()
    {
        await using var relay = RelayFixture.CreateSockmap(nameof(SockmapForm.Exact));
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
        await using var relay = RelayFixture.CreateSockmap(nameof(SockmapForm.Exact));
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

    private static void AssertNoFallback(RelayFixture relay) =>
        Assert.DoesNotContain(relay.Log.Entries, static entry => entry.Text.Contains(FellBack, StringComparison.Ordinal));

    private static long WakeUps(int thread) => long.Parse(
        File.ReadLines($"/proc/self/task/{thread}/status").First(static line => line.StartsWith("voluntary_ctxt_switches", StringComparison.Ordinal))
            .Split(':')[1], CultureInfo.InvariantCulture);
}
