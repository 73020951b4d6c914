using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Upgrade;

/// <summary>Instances that relieve one another while everything that a gateway does is under way: nothing fails, and nothing is cut.</summary>
public sealed partial class UpgradeLoadTests
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Two upgrades of instances that start in the middle of a load.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    [RequiresProgramFact("wrk")]
    public async Task Two_upgrades_in_a_row_under_load_lose_no_request_and_cut_no_transfer()
    {
        using var timeout = new CancellationTokenSource(s_patience);
        await using var site = await UpgradeSite.CreateAsync();
        await using var first = await site.StartAsync(site.Configuration());
        using var http = new HttpClient { Timeout = s_patience };

        // Begun before the first upgrade, ended after the last: transfers, sessions that are idle meanwhile, and an HTTP answer.
        var transfers = await Task.WhenAll(site.TcpPorts.Select(port => EchoTransfer.BeginAsync(port, timeout.Token)));
        var sessions = await Task.WhenAll(site.TcpPorts.Select(port => EchoTransfer.OpenAsync(port, timeout.Token)));
        await Task.WhenAll(sessions.Select(static session => session.SayAsync()));
        var slow = http.GetStringAsync(new Uri($"http://127.0.0.1:{site.HttpPort}/slow"), timeout.Token);
        await site.Site.SlowStarted.Task.WaitAsync(timeout.Token);

        await using var keepAlive = Wrk(site, "-c16");
        await using var oneRequestEach = Wrk(site, "-c2", "-H", "Connection: close");
        using var isOver = new CancellationTokenSource();
        var newcomers = site.TcpPorts.Select(port => ConnectUntilAsync(port, isOver.Token, timeout.Token)).ToArray();

        // Fewer event loops than there are sockets, then more.
        await using var second = await site.StartAsync(site.Configuration(), "--LinuxTransport:ThreadCount=1");
        await first.Program.WaitForOutputAsync($"Process {second.Program.ProcessId} has taken over 7 listeners");
        await using var third = await site.StartAsync(site.Configuration(), "--LinuxTransport:ThreadCount=3");
        await second.Program.WaitForOutputAsync($"Process {third.Program.ProcessId} has taken over 7 listeners");

        await isOver.CancelAsync();
        foreach (var sessionsOfPort in newcomers)
        {
            Assert.True(await sessionsOfPort > 0);
        }

        foreach (var load in new[] { keepAlive, oneRequestEach })
        {
            load.Interrupt();
            Assert.Equal(0, await load.WaitForExitAsync());
            Assert.DoesNotContain("Socket errors", load.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("Non-2xx", load.Output, StringComparison.Ordinal);
            Assert.True(int.Parse(WrkRequests().Match(load.Output).Groups[1].ValueSpan, CultureInfo.InvariantCulture) > 0, load.Output);
        }

        // The first one is there for them until they end.
        Assert.False(first.Program.HasExited, first.Program.Everything);
        await Task.WhenAll(sessions.Select(static session => session.SayAsync()));
        await Task.WhenAll(sessions.Select(static session => session.FinishAsync()));
        Assert.All(await Task.WhenAll(transfers.Select(static transfer => transfer.CompleteAsync())), static count => Assert.True(count > 0));
        site.Site.ReleaseSlow.SetResult();
        Assert.Equal("first second", await slow);
        foreach (var one in transfers.Concat(sessions))
        {
            one.Dispose();
        }

        foreach (var relieved in new[] { first, second })
        {
            Assert.Equal(0, await relieved.Program.WaitForExitAsync());
            Assert.DoesNotContain("still open", relieved.Program.Output, StringComparison.Ordinal);
        }

        Assert.Equal(0, await third.StopAsync());
        Assert.False(File.Exists(site.Socket));
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task An_HTTP_client_that_keeps_its_connection_notices_nothing(string version)
    {
        using var timeout = new CancellationTokenSource(s_patience);
        await using var site = await UpgradeSite.CreateAsync();
        await using var first = await site.StartAsync(site.Configuration());
        using var client = new HttpClient
        {
            Timeout = Deadline.Default,
            DefaultRequestVersion = new Version(version),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            BaseAddress = new Uri($"http://127.0.0.1:{(version == "2.0" ? site.Http2Port : site.HttpPort)}/"),
        };
        using var isOver = new CancellationTokenSource();
        var asking = Enumerable.Range(0, 4).Select(_ => AskUntilAsync(client, isOver.Token, timeout.Token)).ToArray();

        await using var second = await site.StartAsync(site.Configuration());
        Assert.Equal(0, await first.Program.WaitForExitAsync());
        await isOver.CancelAsync();

        foreach (var one in asking)
        {
            Assert.True(await one > 0);
        }
    }

    [Fact]
    public async Task The_last_answer_on_a_connection_of_the_earlier_one_says_so_before_it_is_closed()
    {
        using var timeout = new CancellationTokenSource(s_patience);
        await using var site = await UpgradeSite.CreateAsync();
        await using var first = await site.StartAsync(site.Configuration());
        using var socket = await TcpUpstream.ConnectAsync(site.HttpPort, timeout.Token);
        await using var stream = new NetworkStream(socket);
        var starting = site.StartAsync(site.Configuration());

        var answer = "";
        while (!answer.Contains("Connection: close", StringComparison.Ordinal))
        {
            // Each of them is answered: one that is on its way when the instances change, too.
            await stream.WriteAsync("GET /plain HTTP/1.1\r\nHost: site\r\n\r\n"u8.ToArray(), timeout.Token);
            answer = await ReadAnswerAsync(stream, timeout.Token);
            Assert.StartsWith("HTTP/1.1 200 OK", answer, StringComparison.Ordinal);
        }

        Assert.Equal(0, await stream.ReadAsync(new byte[1], timeout.Token));
        await using var second = await starting;
        Assert.Equal(0, await first.Program.WaitForExitAsync());
    }

    private static RunningProgram Wrk(UpgradeSite site, params string[] arguments) => RunningProgram.Start(
        Programs.Require("wrk"), ["-t1", "-d10m", "--timeout=60s", .. arguments, $"http://127.0.0.1:{site.HttpPort}/plain"]);

    /// <summary>One session after another.</summary>
    private static async Task<int> ConnectUntilAsync(int port, CancellationToken isOver, CancellationToken timeout)
    {
        var count = 0;
        for (; !isOver.IsCancellationRequested; count++)
        {
            using var session = await EchoTransfer.OpenAsync(port, timeout);
            await session.SayAsync();
            await session.FinishAsync();
            await Task.Delay(s_pause, timeout);
        }

        return count;
    }

    private static async Task<int> AskUntilAsync(HttpClient client, CancellationToken isOver, CancellationToken timeout)
    {
        var count = 0;
        for (; !isOver.IsCancellationRequested; count++)
        {
            Assert.Equal("Hello", await client.GetStringAsync(new Uri("plain", UriKind.Relative), timeout));
        }

        return count;
    }

    /// <summary>The headers; and the body, which is Hello in one chunk.</summary>
    private static async Task<string> ReadAnswerAsync(NetworkStream stream, CancellationToken timeout)
    {
        var answer = new StringBuilder();
        var buffer = new byte[1024];
        while (!answer.ToString().EndsWith("0\r\n\r\n", StringComparison.Ordinal))
        {
            var count = await stream.ReadAsync(buffer, timeout);
            Assert.True(count > 0, $"The connection was closed after '{answer}'.");
            answer.Append(Encoding.ASCII.GetString(buffer, 0, count));
        }

        return answer.ToString();
    }

    [GeneratedRegex(@"(\d+) requests in")]
    private static partial Regex WrkRequests();
}
