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
            var stopped = await Task.WhenAll(Task.Run(() => client.SendUntilStopped(size)), Task.Run(() => server.SendUntilStopped(size)));
            // A queue that nothing limits would hold a buffer for each of the millions of segments. Other tests and programs have some too.
            Assert.InRange(SegmentsInKernel(), 0, 200_000);
            await Task.WhenAll(server.ReceiveCountingAsync(stopped[0]), client.ReceiveCountingAsync(stopped[1]));

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
            var stopped = await Task.Run(() => sender.SendUntilStopped(64 * 1024));

            // More than what the buffers hold, one message at a time, against the stalled direction.
            for (var i = 0; i < Messages; i++)
            {
                var message = new byte[Message];
                BitConverter.TryWriteBytes(message, i);
                await stalled.SendAllAsync(message);
                SocketFlow.AssertSame(message, await sender.ReceiveExactlyAsync(Message));
            }

            await stalled.ReceiveCountingAsync(stopped);
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
                    Task.Run(() => client.SendUntilStopped(100_000)), Task.Run(() => server.SendUntilStopped(1000)));
                await Task.WhenAll(server.ReceiveCountingAsync(stopped[0]), client.ReceiveCountingAsync(stopped[1]));
            }
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(0, relay.Metrics.Sum("splice.fallbacks"));
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
}
