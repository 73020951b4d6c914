using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Tcp;

/// <summary>Very many connections, at once or one after another. Each must work, and none may leave anything behind.</summary>
public sealed class ConnectionStormTests(EveryModeGateway fixture, ITestOutputHelper output) : IClassFixture<EveryModeGateway>
{
    private const int Burst = 3_000;
    private const int AtOnce = 100;
    private const int Sequential = 1_500;
    private const int LargestMessage = 200_000;

    /// <summary>Each of the event loops keeps up to 128 idle pipes of two descriptors.</summary>
    private static readonly int s_idlePipes = 2 * 128 * Environment.ProcessorCount;

    public static TheoryData<string> EveryMode => [.. EveryModeGateway.Modes];

    [RequiresProgramTheory("prlimit")]
    [MemberData(nameof(EveryMode))]
    public async Task Burst_of_three_thousand_connections_is_served_without_an_error(string mode)
    {
        var before = fixture.Gateway.DescriptorCount;
        var watch = Stopwatch.StartNew();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Burst), new ParallelOptions { MaxDegreeOfParallelism = AtOnce },
            async (seed, _) =>
            {
                var random = new Random(seed);
                var message = new byte[random.Next(10) == 0 ? random.Next(1, LargestMessage) : random.Next(1, 2_000)];
                random.NextBytes(message);
                using var client = await ConnectAsync(mode);
                await AssertEchoedAsync(client, message);
            });
        output.WriteLine($"{Burst / watch.Elapsed.TotalSeconds:0} connections/s");
        await WaitForDescriptorsAsync(before + s_idlePipes);
    }

    [RequiresProgramTheory("prlimit")]
    [MemberData(nameof(EveryMode))]
    public async Task Connections_one_after_another_leave_no_descriptor_behind(string mode)
    {
        var before = fixture.Gateway.DescriptorCount;
        for (var i = 0; i < Sequential; i++)
        {
            using var client = await ConnectAsync(mode);
            await AssertEchoedAsync(client, "ping"u8.ToArray());
        }

        await WaitForDescriptorsAsync(before);
    }

    /// <summary>
    /// As many as fit: a session has two descriptors in the gateway, and the test has two more, so that both reach the limit of 20,000 with
    /// somewhat fewer than 10,000.
    /// </summary>
    [RequiresProgramTheory("prlimit")]
    [InlineData("Auto")]
    [InlineData("Sockmap")]
    public async Task Ten_thousand_open_at_once_cost_no_processor_time_and_all_work(string mode)
    {
        var sessions = (Math.Min(EveryModeGateway.DescriptorLimit, OwnDescriptorLimit()) - 1_000) / 2;
        var (before, memory) = (fixture.Gateway.DescriptorCount, fixture.Gateway.ResidentBytes);
        var clients = new Socket[sessions];
        try
        {
            await Parallel.ForEachAsync(
                Enumerable.Range(0, sessions), new ParallelOptions { MaxDegreeOfParallelism = AtOnce },
                async (i, _) =>
                {
                    clients[i] = await ConnectAsync(mode);
                    await ExchangeAsync(clients[i], "open"u8.ToArray());
                });
            var cost = (fixture.Gateway.ResidentBytes - memory) / sessions;
            var busy = fixture.Gateway.ProcessorTime;
            await Task.Delay(1000);
            busy = fixture.Gateway.ProcessorTime - busy;
            output.WriteLine($"{sessions} sessions, {cost} bytes of resident memory each, {busy.TotalMilliseconds} ms of processor time in 1 s");
            Assert.InRange(cost, 0, 16 * 1024);
            Assert.InRange(busy, TimeSpan.Zero, TimeSpan.FromSeconds(0.5));
            await Parallel.ForEachAsync(clients, async (client, _) => await ExchangeAsync(client, "still"u8.ToArray()));
        }
        finally
        {
            foreach (var client in clients)
            {
                client?.Dispose();
            }
        }

        await WaitForDescriptorsAsync(before);
    }

    private static async Task AssertEchoedAsync(Socket client, byte[] message)
    {
        var sending = SendAsync(client, message);
        var received = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int count;
        while ((count = await client.ReceiveAsync(buffer).WaitAsync(Deadline.Default)) > 0)
        {
            received.Write(buffer, 0, count);
        }

        await sending;
        Assert.True(message.AsSpan().SequenceEqual(received.ToArray()), $"{received.Length} bytes came back of {message.Length}, or others");
    }

    private static async Task SendAsync(Socket client, byte[] message)
    {
        for (var sent = 0; sent < message.Length;)
        {
            sent += await client.SendAsync(message.AsMemory(sent));
        }

        client.Shutdown(SocketShutdown.Send);
    }

    private static async Task ExchangeAsync(Socket client, byte[] message)
    {
        for (var i = 0; i < 2; i++)
        {
            await client.SendAsync(message);
            var answer = new byte[message.Length];
            for (var received = 0; received < answer.Length;)
            {
                var count = await client.ReceiveAsync(answer.AsMemory(received)).AsTask().WaitAsync(Deadline.Default);
                Assert.True(count > 0, "the session ended");
                received += count;
            }

            Assert.Equal(message, answer);
        }
    }

    private static int OwnDescriptorLimit() => int.TryParse(
        File.ReadLines("/proc/self/limits").Single(static line => line.StartsWith("Max open files", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[3], out var limit) ? limit : int.MaxValue;

    private async Task<Socket> ConnectAsync(string mode)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, fixture.Ports[mode])).WaitAsync(Deadline.Default);
        return socket;
    }

    /// <summary>The runtime opens a few of its own meanwhile.</summary>
    private Task WaitForDescriptorsAsync(int count) => Deadline.UntilAsync(
        () => Task.FromResult(fixture.Gateway.DescriptorCount <= count + 10), () => $"{fixture.Gateway.DescriptorCount} descriptors, {count} expected");
}
