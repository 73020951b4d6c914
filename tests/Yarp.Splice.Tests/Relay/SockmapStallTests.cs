using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Relay;

/// <summary>Readers that stall while the kernel relays: their senders stop, nothing else does, and everything arrives in the end.</summary>
public class SockmapStallTests
{
    /// <summary>
    /// One byte a segment is the worst case: the kernel spends some hundred times its size on it. Copy stops a sender after 8.5 MB of such
    /// segments, which the receive buffer has merged by then.
    /// </summary>
    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact), 1)]
    [InlineData(nameof(SockmapForm.Exact), 64 * 1024)]
    [InlineData(nameof(SockmapForm.Credit), 1)]
    [InlineData(nameof(SockmapForm.Credit), 64 * 1024)]
    public async Task StalledReaders_BothDirections_StopTheirSendersAndGetEverything(string form, int size)
    {
        await using var relay = RelayFixture.CreateSockmap(form);
        var (client, server) = await relay.ConnectArmedPairAsync();
        using (client)
        using (server)
        {
            var stopped = await Task.WhenAll(Task.Run(() => SendUntilStopped(client, size)), Task.Run(() => SendUntilStopped(server, size)));
            Assert.All(stopped, static bytes => Assert.InRange(bytes, 1, KernelQueues.MostOnTheWay));
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
        Assert.Equal(0, relay.Metrics.Sum("splice.fallbacks"));
    }

    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact), true)]
    [InlineData(nameof(SockmapForm.Exact), false)]
    [InlineData(nameof(SockmapForm.Credit), true)]
    [InlineData(nameof(SockmapForm.Credit), false)]
    public async Task StalledReader_TheOtherDirectionFlowsOn(string form, bool isClientStalled)
    {
        const int Message = 4096;
        const int Messages = 2000;
        await using var relay = RelayFixture.CreateSockmap(form);
        var (client, server) = await relay.ConnectArmedPairAsync();
        using (client)
        using (server)
        {
            var (stalled, sender) = isClientStalled ? (client, server) : (server, client);
            var stopped = await Task.Run(() => SendUntilStopped(sender, 64 * 1024));
            Assert.InRange(stopped, 1, KernelQueues.MostOnTheWay);

            // More than what the buffers hold, one message at a time, against the stalled direction.
            stalled.Blocking = sender.Blocking = true;
            for (var i = 0; i < Messages; i++)
            {
                var message = new byte[Message];
                BitConverter.TryWriteBytes(message, i);
                await stalled.SendAllAsync(message);
                SocketFlow.AssertSame(message, await sender.ReceiveExactlyAsync(Message));
            }

            Assert.Equal(-1, FirstWrongByte(await stalled.ReceiveExactlyAsync((int)stopped)));
            sender.Shutdown(SocketShutdown.Send);
            await stalled.AssertFinAsync();
            stalled.Shutdown(SocketShutdown.Send);
            await sender.AssertFinAsync();
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(0, relay.Metrics.Sum("splice.fallbacks"));
    }

    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact))]
    [InlineData(nameof(SockmapForm.Credit))]
    public async Task ReadersThatStallAgainAndAgain_BothDirections_GetEverything(string form)
    {
        await using var relay = RelayFixture.CreateSockmap(form);
        var (client, server) = await relay.ConnectArmedPairAsync();
        using (client)
        using (server)
        {
            for (var round = 0; round < 4; round++)
            {
                var stopped = await Task.WhenAll(
                    Task.Run(() => SendUntilStopped(client, 100_000)), Task.Run(() => SendUntilStopped(server, 1000)));
                client.Blocking = server.Blocking = true;
                var received = await Task.WhenAll(server.ReceiveExactlyAsync((int)stopped[0]), client.ReceiveExactlyAsync((int)stopped[1]));
                Assert.All(received, static bytes => Assert.Equal(-1, FirstWrongByte(bytes)));
            }
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(0, relay.Metrics.Sum("splice.fallbacks"));
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
                Assert.True(total <= KernelQueues.MostOnTheWay, "the sender was never stopped");
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
}
