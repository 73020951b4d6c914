using System.Globalization;
using System.Net;
using System.Net.Sockets;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Tcp;

/// <summary>
/// A thousand readers that stall: what their sessions hold, in the process and in the kernel, stays bounded, and arrives when they read again. In a
/// network namespace with small TCP buffers, so that the test needs little memory itself.
/// </summary>
public sealed class StalledReaderTests(ITestOutputHelper output) : IDisposable
{
    private const int Sessions = 1_000;
    private const int BufferLimit = 128 * 1024;
    private const int ChunkSize = 64 * 1024;

    /// <summary>Makes the bytes of a stream tell their place.</summary>
    private const int Period = 251;

    private static readonly byte[] s_pattern = [.. Enumerable.Range(0, ChunkSize + Period).Select(static i => (byte)(i % Period))];

    private readonly List<Socket> _sockets = [];

    public void Dispose() => _sockets.ForEach(static socket => socket.Dispose());

    [RequiresNetworkNamespacesTheory]
    [InlineData("Copy")]
    [InlineData("Splice")]
    [InlineData("Auto")]
    [InlineData("Sockmap")]
    public async Task Thousand_stalled_readers_cost_bounded_memory_and_get_everything(string mode)
    {
        await using var network = await NetworkNamespace.CreateAsync();
        var port = FreePort.Next();
        var (listener, clients) = await network.RunAsync(() => OpenSockets());
        await using var gateway = await Gateway.StartUnderAsync(
            ["ip", "netns", "exec", network.Name], GatewayConfiguration.Tcp(mode, port, ((IPEndPoint)listener.LocalEndPoint!).Port));
        var servers = await ConnectAsync(listener, clients, port);
        var (resident, available) = (gateway.ResidentBytes, AvailableBytes());

        var sent = await Task.Factory.StartNew(() => SendUntilStalled(clients), TaskCreationOptions.LongRunning);
        var (residentGrowth, availableLoss) = (gateway.ResidentBytes - resident, available - AvailableBytes());
        var queues = await SocketMemory.ReadAsync(network);
        Assert.True(queues.Sockets >= 4 * Sessions, $"{queues.Sockets} sockets only");
        output.WriteLine(
            $"for each session {sent.Sum() / Sessions} bytes taken, {residentGrowth / Sessions} resident, {queues.Bytes / Sessions} in socket queues, " +
            $"{availableLoss / Sessions} of the machine's memory");
        // Four socket buffers, and what the relay holds.
        Assert.InRange(sent.Max(), 1, 2 * 1024 * 1024);
        Assert.InRange(residentGrowth / Sessions, 0, 96 * 1024);
        Assert.InRange(queues.Bytes / Sessions, 0, 1024 * 1024);
        // Other programs use memory, too: this is for what none of the others would count.
        Assert.InRange(availableLoss / Sessions, long.MinValue, 2 * 1024 * 1024);

        await Task.WhenAll(servers.Select((server, i) => ReceiveAsync(server, sent[i])));
        // Before the gateway.
        Dispose();
    }

    private (Socket Listener, Socket[] Clients) OpenSockets()
    {
        foreach (var setting in new[] { "tcp_rmem", "tcp_wmem" })
        {
            File.WriteAllText($"/proc/sys/net/ipv4/{setting}", $"4096 65536 {BufferLimit}");
        }

        var listener = Open();
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(Sessions);
        return (listener, [.. Enumerable.Range(0, Sessions).Select(_ => Open())]);

        Socket Open()
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            _sockets.Add(socket);
            return socket;
        }
    }

    /// <summary>Connects all, and exchanges a few messages, after which mode Sockmap has handed the session to the kernel.</summary>
    private async Task<Socket[]> ConnectAsync(Socket listener, Socket[] clients, int port)
    {
        var servers = new Socket[clients.Length];
        for (var i = 0; i < clients.Length; i++)
        {
            await clients[i].ConnectAsync(new IPEndPoint(IPAddress.Loopback, port)).WaitAsync(Deadline.Default);
            servers[i] = await listener.AcceptAsync().WaitAsync(Deadline.Default);
            servers[i].NoDelay = true;
            _sockets.Add(servers[i]);
            for (var exchange = 0; exchange < 4; exchange++)
            {
                await clients[i].SendAsync(new byte[1]);
                Assert.Equal(1, await servers[i].ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
                await servers[i].SendAsync(new byte[1]);
                Assert.Equal(1, await clients[i].ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
            }
        }

        return servers;
    }

    /// <summary>Sends on all until hardly a byte is taken for half a second; returns how many each took.</summary>
    private static long[] SendUntilStalled(Socket[] clients)
    {
        var sent = new long[clients.Length];
        foreach (var client in clients)
        {
            client.Blocking = false;
        }

        for (var quietRounds = 0; quietRounds < 10; quietRounds++)
        {
            var before = sent.Sum();
            for (var i = 0; i < clients.Length; i++)
            {
                var taken = clients[i].Send(s_pattern, (int)(sent[i] % Period), ChunkSize, SocketFlags.None, out var error);
                if (error == SocketError.Success)
                {
                    sent[i] += taken;
                    Assert.True(sent[i] < 64 * 1024 * 1024, "a sender was never stopped");
                }
                else
                {
                    Assert.Equal(SocketError.WouldBlock, error);
                }
            }

            // Now and then a window opens by a few bytes.
            quietRounds = sent.Sum() - before > before / 1000 ? 0 : quietRounds;
            Thread.Sleep(50);
        }

        return sent;
    }

    private static async Task ReceiveAsync(Socket server, long count)
    {
        var buffer = new byte[ChunkSize];
        for (var total = 0L; total < count;)
        {
            var received = await server.ReceiveAsync(buffer).WaitAsync(Deadline.Default);
            Assert.True(received > 0, $"the stream ended after {total} of {count} bytes");
            var expected = s_pattern.AsSpan((int)(total % Period), received);
            Assert.True(expected.SequenceEqual(buffer.AsSpan(0, received)), $"other bytes from {total} on");
            total += received;
        }
    }

    private static long AvailableBytes() => 1024 * long.Parse(
        File.ReadLines("/proc/meminfo").Single(static line => line.StartsWith("MemAvailable:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
