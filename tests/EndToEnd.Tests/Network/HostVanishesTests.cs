using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Network;

/// <summary>A peer's host is gone from one moment on, and the kernel's timers notice.</summary>
public sealed class HostVanishesTests
{
    private const string UserTimeout = "UserTimeout";
    private const string KeepAlive = "KeepAlive";

    private const int Answers = 20;

    /// <summary>Far from what happens without the keys: fifteen minutes, and never.</summary>
    private static readonly TimeSpan s_slack = TimeSpan.FromSeconds(30);

    /// <summary>The user timeout, and two probes without an answer. The kernel's clock of a timer is a jiffy or two coarse.</summary>
    private static readonly TimeSpan s_least = TimeSpan.FromSeconds(1.9);

    [RequiresRoutedNetworkTheory]
    [InlineData("client", true)]
    [InlineData("client", false)]
    [InlineData("upstream", true)]
    [InlineData("upstream", false)]
    public async Task User_timeout_and_keep_alive_end_its_sessions_in_their_time(string host, bool isAnnounced)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        await using var network = await RoutedNetwork.CreateAsync();
        var routes = NetworkGateway.Modes.SelectMany(static mode => new[] { UserTimeout, KeepAlive }.Select(key => (mode, key))).ToArray();
        await using var gateway = await NetworkGateway.StartAsync(network, routes.ToDictionary(static route => Name(route), static route =>
        {
            var section = NetworkGateway.Route(route.mode);
            section["Splice"] = route.key == UserTimeout
                ? new JsonObject { ["UserTimeout"] = "00:00:02" }
                : new JsonObject { ["KeepAliveTime"] = "00:00:01", ["KeepAliveInterval"] = "00:00:01", ["KeepAliveCount"] = "2" };
            return section;
        }));
        var sessions = new List<(string Key, TcpSession Session)>();
        try
        {
            foreach (var route in routes)
            {
                sessions.Add((route.key, await gateway.OpenAsync(Name(route), timeout.Token)));
                await AnswerAsync(sessions[^1].Session, timeout.Token);
            }

            // Else the last byte is on its way still, and is sent again instead of a probe.
            await gateway.UntilAcknowledgedAsync();

            var vanishedAt = Stopwatch.GetTimestamp();
            await (isAnnounced ? network.CutAsync(network.Find(host)) : network.SilenceAsync(network.Find(host)));
            await Task.WhenAll(sessions.Select(async pair =>
            {
                var survivor = host == "client" ? pair.Session.Server : pair.Session.Client;
                if (pair.Key == UserTimeout)
                {
                    // Without bytes on their way there is nothing to time.
                    await survivor.SendAsync(new byte[1000], timeout.Token);
                }

                var exception = await Assert.ThrowsAsync<SocketException>(async () => await survivor.ReceiveAsync(new byte[1], timeout.Token));
                Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
                Assert.InRange(Stopwatch.GetElapsedTime(vanishedAt), s_least, s_least + s_slack);
            }));
        }
        finally
        {
            sessions.ForEach(static pair => pair.Session.Dispose());
        }

        foreach (var line in await gateway.ReadAccessLogAsync())
        {
            Assert.Equal($"{host}_reset", line["end"]!.GetValue<string>());
            Assert.Equal(line["mode"]!.GetValue<string>(), line["path_down"]!.GetValue<string>());
        }
    }

    /// <summary>Long answers, so that mode Splice splices.</summary>
    private static async Task AnswerAsync(TcpSession session, CancellationToken cancellationToken)
    {
        await using var client = new NetworkStream(session.Client);
        await using var server = new NetworkStream(session.Server);
        var answer = new byte[100_000];
        for (var i = 0; i < Answers; i++)
        {
            await Task.WhenAll(server.WriteAsync(answer, cancellationToken).AsTask(), client.ReadExactlyAsync(answer.ToArray(), cancellationToken).AsTask());
        }
    }

    private static string Name((string Mode, string Key) route) => $"{route.Mode}-{route.Key}";
}
