using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>The client's machine is gone from one moment on, and the kernel's timers notice: its cable, a veth(4), carries nothing any more.</summary>
public sealed class ClientVanishesTests
{
    private const string ClientDevice = "client";
    private const int Rounds = 20;

    private static readonly IPAddress s_gatewayAddress = IPAddress.Parse("192.0.2.1");
    private static readonly string[] s_modes = ["Copy", "Splice", "Sockmap"];

    /// <summary>Far from what happens without the key: fifteen minutes, and never.</summary>
    private static readonly TimeSpan s_slack = TimeSpan.FromSeconds(15);

    [RequiresNetworkNamespacesTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task User_timeout_and_keep_alive_end_its_sessions_in_their_time(bool hasBytesOnTheirWay)
    {
        var (keys, time) = hasBytesOnTheirWay
            ? (new JsonObject { ["UserTimeout"] = "00:00:02" }, TimeSpan.FromSeconds(2))
            : (new JsonObject { ["KeepAliveTime"] = "00:00:01", ["KeepAliveInterval"] = "00:00:01", ["KeepAliveCount"] = "2" }, TimeSpan.FromSeconds(3));
        keys["Listen"] = $"{s_gatewayAddress}";
        using var timeout = new CancellationTokenSource(Deadline.Default);
        await using var inside = await NetworkNamespace.CreateAsync();
        await using var outside = await NetworkNamespace.CreateAsync();
        await inside.ConnectAsync(outside, ("gateway", s_gatewayAddress), (ClientDevice, IPAddress.Parse("192.0.2.2")));
        using var upstream = await inside.RunAsync(static () => new TcpUpstream());
        var ports = s_modes.ToDictionary(static mode => mode, static _ => FreePort.Next());
        var configuration = GatewayConfiguration.Tcp(ports, upstream.Port);
        foreach (var (_, route) in configuration["ReverseProxy"]!["Routes"]!.AsObject())
        {
            route!["Splice"] = keys.DeepClone();
        }

        await using var gateway = await Gateway.StartUnderAsync(["ip", "netns", "exec", inside.Name], configuration, "--AccessLog:Format=Json");
        var sessions = new List<(Socket Client, Socket Server)>();
        foreach (var mode in s_modes)
        {
            var client = await outside.RunAsync(() =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                socket.Connect(new IPEndPoint(s_gatewayAddress, ports[mode]));
                return socket;
            });
            sessions.Add((client, await upstream.AcceptAsync(timeout.Token)));
            await ExchangeAsync(sessions[^1].Client, sessions[^1].Server, timeout.Token);
        }

        var lastByteAt = Stopwatch.GetTimestamp();
        await outside.ConfigureAsync("link", "set", ClientDevice, "down");
        var ended = sessions.Select(async session =>
        {
            if (hasBytesOnTheirWay)
            {
                await session.Server.SendAsync(new byte[1000], timeout.Token);
            }

            var exception = await Assert.ThrowsAsync<SocketException>(async () => await session.Server.ReceiveAsync(new byte[1], timeout.Token));
            Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
            return Stopwatch.GetElapsedTime(lastByteAt);
        });
        // The kernel's clock of a timer is a jiffy or two coarse.
        Assert.All(await Task.WhenAll(ended), elapsed => Assert.InRange(elapsed, time - TimeSpan.FromMilliseconds(100), time + s_slack));

        foreach (var mode in s_modes)
        {
            await gateway.Program.WaitForOutputAsync($"\"route\":\"{mode}\"");
        }

        foreach (var line in gateway.Program.Output.Split('\n').Where(static line => line.StartsWith('{')).Select(static line => JsonNode.Parse(line)!))
        {
            Assert.Equal("client_reset", line["end"]!.GetValue<string>());
            Assert.Equal(line["mode"]!.GetValue<string>(), line["path_down"]!.GetValue<string>());
        }

        sessions.ForEach(static session =>
        {
            session.Client.Dispose();
            session.Server.Dispose();
        });
    }

    /// <summary>Short questions and long answers, until each mode is on the path that it is for.</summary>
    private static async Task ExchangeAsync(Socket client, Socket server, CancellationToken cancellationToken)
    {
        await using var clientStream = new NetworkStream(client);
        await using var serverStream = new NetworkStream(server);
        var answer = new byte[100_000];
        for (var i = 0; i < Rounds; i++)
        {
            await clientStream.WriteAsync("?"u8.ToArray(), cancellationToken);
            await serverStream.ReadExactlyAsync(new byte[1], cancellationToken);
            var answering = serverStream.WriteAsync(answer, cancellationToken);
            await clientStream.ReadExactlyAsync(new byte[answer.Length], cancellationToken);
            await answering;
        }
    }
}
