using System.Globalization;
using System.Net.Sockets;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Relay;

/// <summary>
/// Bytes stand at an armed socket that its send queue does not take, as they do for a moment where the kernel's worker lags behind; here the send queue is
/// made small. What the socket's own peer sends is put behind them and charged to nobody.
/// </summary>
public class SockmapBrakeTests
{
    /// <summary>
    /// More than a receive buffer takes that nobody reads from (131,072 bytes, net.ipv4.tcp_rmem) and a send queue, which takes a whole segment
    /// however small it is; and not 262,144 bytes more than that, which the verdict would pass.
    /// </summary>
    private const int Standing = 300_000;

    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact), 1)]
    [InlineData(nameof(SockmapForm.Exact), 1000)]
    [InlineData(nameof(SockmapForm.Exact), 64 * 1024)]
    [InlineData(nameof(SockmapForm.Credit), 1)]
    [InlineData(nameof(SockmapForm.Credit), 64 * 1024)]
    public Task PassedBytesAreNotCharged_TheirSenderIsStoppedAndEverythingArrives(string form, int size) => AssertServedAsync(form, async (client, server) =>
    {
        await StandAsync(client, server);
        var flooded = await Task.Run(() => client.SendUntilStopped(size));
        await client.ReceiveCountingAsync(Standing);
        await server.ReceiveCountingAsync(flooded);
        await AssertGoesOnAsync(client, server);
    });

    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact))]
    [InlineData(nameof(SockmapForm.Credit))]
    public async Task RefusedSegments_AreCountedWhenTheSessionEnds(string form)
    {
        await using var relay = RelayFixture.CreateSockmap(form);
        // A machine that stands still ends the flood before the brake does; then there is another one.
        for (var attempt = 0; attempt < 5 && relay.Metrics.Sum("splice.sockmap.refused", ("splice.route", "route")) == 0; attempt++)
        {
            var (client, server) = await relay.ConnectArmedPairAsync();
            using (client)
            using (server)
            {
                await StandAsync(client, server);
                await Task.Run(() => client.SendUntilStopped(64 * 1024));
            }

            await relay.WaitUntilIdleAsync();
        }

        Assert.NotEqual(0, relay.Metrics.Sum("splice.sockmap.refused", ("splice.route", "route")));
    }

    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact))]
    [InlineData(nameof(SockmapForm.Credit))]
    public Task ReaderGoesOn_TheOtherDirectionGoesOnAlthoughItsReaderStalls(string form) => AssertServedAsync(form, async (client, server) =>
    {
        await StandAsync(client, server);
        var flooded = await Task.Run(() => client.SendUntilStopped(64 * 1024));
        await client.ReceiveCountingAsync(Standing);

        // The server still reads nothing.
        var answer = SocketFlow.Payload(50_000);
        await server.SendAllAsync(answer);
        SocketFlow.AssertSame(answer, await client.ReceiveExactlyAsync(answer.Length));

        await server.ReceiveCountingAsync(flooded);
        await AssertGoesOnAsync(client, server);
    });

    [RequiresBpfTheory]
    [InlineData(nameof(SockmapForm.Exact))]
    [InlineData(nameof(SockmapForm.Credit))]
    public Task BothDirectionsStandAtBothSockets_EverythingArrivesWithFin(string form) => AssertServedAsync(form, static async (client, server) =>
    {
        Shrink(client);
        Shrink(server);
        var flooded = await Task.WhenAll(
            Task.Run(() => client.SendUntilStopped(64 * 1024)),
            Task.Run(() => server.SendUntilStopped(1000)));
        client.Shutdown(SocketShutdown.Send);
        server.Shutdown(SocketShutdown.Send);
        await Task.WhenAll(client.ReceiveCountingAsync(flooded[1]), server.ReceiveCountingAsync(flooded[0]));
        await Task.WhenAll(client.AssertFinAsync(), server.AssertFinAsync());
    });

    /// <summary>Plays an armed session, which finishes, and of which the relay does not complain.</summary>
    private static async Task AssertServedAsync(string form, Func<Socket, Socket, Task> play)
    {
        await using var relay = RelayFixture.CreateSockmap(form);
        var (client, server) = await relay.ConnectArmedPairAsync();
        using (client)
        using (server)
        {
            await play(client, server);
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal("", relay.DescribeEnds());
    }

    /// <summary>Makes bytes stand at the relay's socket of the client.</summary>
    private static async Task StandAsync(Socket client, Socket server)
    {
        Shrink(client);
        await server.SendAllAsync(CountingFlow.Bytes(Standing));
    }

    private static async Task AssertGoesOnAsync(Socket client, Socket server)
    {
        await client.SendAllAsync("after"u8.ToArray());
        Assert.Equal("after"u8.ToArray(), await server.ReceiveExactlyAsync(5));
        await server.SendAllAsync("that"u8.ToArray());
        Assert.Equal("that"u8.ToArray(), await client.ReceiveExactlyAsync(4));
    }

    /// <summary>Makes the send buffer of a peer's other end, which the relay has, as small as can be.</summary>
    private static void Shrink(Socket peer)
    {
        foreach (var descriptor in Directory.GetFiles("/proc/self/fd").Select(static path => nint.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)))
        {
            try
            {
                using var handle = new SafeSocketHandle(descriptor, ownsHandle: false);
                using var socket = new Socket(handle);
                if (Equals(socket.RemoteEndPoint, peer.LocalEndPoint) && Equals(socket.LocalEndPoint, peer.RemoteEndPoint))
                {
                    socket.SendBufferSize = 4096;
                    return;
                }
            }
            catch (SocketException)
            {
                // No socket, or not connected, or closed by now.
            }
        }

        Assert.Fail("the relay's socket was not found");
    }
}
