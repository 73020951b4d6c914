using System.Net;
using System.Net.Sockets;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>Both peers vanish without a word: the network drops every packet from one moment on.</summary>
public sealed class PeerVanishesTests
{
    [RequiresNetworkNamespacesTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Idle_timeout_ends_sessions_in_every_mode(bool hasBytesOnTheirWay)
    {
        await using var network = await NetworkNamespace.CreateAsync();
        using var upstream = await network.RunAsync(static () => new EchoUpstream());
        var ports = EveryModeGateway.Modes.ToDictionary(static mode => mode, static _ => FreePort.Next());
        await using var gateway = await Gateway.StartUnderAsync(
            ["ip", "netns", "exec", network.Name], GatewayConfiguration.Tcp(ports, upstream.Port, idleTimeout: "00:00:03"), "--Logging:LogLevel:Yarp=Debug");
        var before = gateway.DescriptorCount;
        var clients = await network.RunAsync(() => EveryModeGateway.Modes.Select(mode =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Connect(new IPEndPoint(IPAddress.Loopback, ports[mode]));
            return socket;
        }).ToArray());
        try
        {
            foreach (var client in clients)
            {
                for (var i = 0; i < 4; i++)
                {
                    await client.SendAsync(new byte[] { 42 });
                    Assert.Equal(1, await client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
                }
            }

            if (hasBytesOnTheirWay)
            {
                // Nobody reads what comes back, so that every buffer fills.
                foreach (var client in clients)
                {
                    client.Blocking = false;
                    for (SocketError error = default; error == SocketError.Success;)
                    {
                        client.Send(new byte[256 * 1024], SocketFlags.None, out error);
                    }
                }
            }

            await network.ConfigureAsync("link", "set", "lo", "down");
            await Deadline.UntilAsync(
                () => Task.FromResult(gateway.Program.Output.Split("idle_timeout").Length - 1 >= clients.Length && gateway.DescriptorCount <= before + 10),
                () => $"{gateway.DescriptorCount} descriptors, {before} before:\n{gateway.Program.Everything}");
        }
        finally
        {
            foreach (var client in clients)
            {
                client.Dispose();
            }
        }

        // Its admin endpoint is to be asked what is left.
        await network.ConfigureAsync("link", "set", "lo", "up");
    }
}
