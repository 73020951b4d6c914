using System.Net.Sockets;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Network;

/// <summary>RST from either peer reaches the other, in each mode, also when the network loses it at first.</summary>
public sealed class ResetTests
{
    [RequiresRoutedNetworkTheory]
    [InlineData("client", false)]
    [InlineData("client", true)]
    [InlineData("upstream", false)]
    [InlineData("upstream", true)]
    public async Task Reset_of_one_peer_reaches_the_other(string host, bool isLost)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        await using var network = await RoutedNetwork.CreateAsync();
        await using var gateway = await NetworkGateway.StartAsync(network);
        var sessions = new List<TcpSession>();
        try
        {
            foreach (var mode in NetworkGateway.Modes)
            {
                sessions.Add(await gateway.OpenAsync(mode, timeout.Token));
            }

            await gateway.UntilAcknowledgedAsync();
            if (isLost)
            {
                await network.SilenceAsync(network.Find(host));
            }

            foreach (var session in sessions)
            {
                var resetting = host == "client" ? session.Client : session.Server;
                resetting.LingerState = new LingerOption(enable: true, 0);
                resetting.Dispose();
            }

            if (isLost)
            {
                await network.PassAsync();
            }

            foreach (var session in sessions)
            {
                var other = host == "client" ? session.Server : session.Client;
                if (isLost)
                {
                    // Whoever knows nothing of a connection answers its segments with RST (RFC 9293, 3.10.7.1).
                    await other.SendAsync("still there?"u8.ToArray(), timeout.Token);
                }

                var exception = await Assert.ThrowsAsync<SocketException>(async () => await other.ReceiveAsync(new byte[1], timeout.Token));
                Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
            }
        }
        finally
        {
            sessions.ForEach(static session => session.Dispose());
        }

        foreach (var line in await gateway.ReadAccessLogAsync())
        {
            Assert.Equal($"{host}_reset", line["end"]!.GetValue<string>());
        }
    }
}
