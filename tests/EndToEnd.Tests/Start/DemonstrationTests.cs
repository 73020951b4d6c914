using System.Net.Sockets;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Start;

/// <summary>What a newcomer sees who starts the gateway with nothing configured.</summary>
public sealed class DemonstrationTests
{
    [Fact]
    public async Task It_answers_http_from_both_upstreams_and_says_what_to_try()
    {
        var (httpPort, tcpPort) = (FreePort.Next(), FreePort.Next());
        await using var gateway = await Gateway.StartDemonstrationAsync($"--Demo:HttpPort={httpPort}", $"--Demo:TcpPort={tcpPort}");
        using var client = new HttpClient { Timeout = Deadline.Default };

        var answers = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            answers.Add(await client.GetStringAsync(new Uri($"http://127.0.0.1:{httpPort}/hello")));
        }

        Assert.Equal(2, answers.Count(answer => answer.StartsWith("Hello from red\nGET /hello\n", StringComparison.Ordinal)));
        Assert.Equal(2, answers.Count(answer => answer.StartsWith("Hello from blue\nGET /hello\n", StringComparison.Ordinal)));
        await gateway.Program.WaitForOutputAsync($"curl http://127.0.0.1:{httpPort}/hello");
        await gateway.Program.WaitForOutputAsync($"nc 127.0.0.1 {tcpPort}");
        Assert.Equal(0, await gateway.StopAsync());
    }

    [Fact]
    public async Task It_echoes_over_the_tcp_route()
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        var tcpPort = FreePort.Next();
        await using var gateway = await Gateway.StartDemonstrationAsync($"--Demo:HttpPort={FreePort.Next()}", $"--Demo:TcpPort={tcpPort}");
        using var client = await TcpUpstream.ConnectAsync(tcpPort, timeout.Token);

        await client.SendAsync("hello"u8.ToArray(), timeout.Token);
        await using var stream = new NetworkStream(client);
        client.Shutdown(SocketShutdown.Send);
        using var reader = new StreamReader(stream);

        Assert.Equal("hello", await reader.ReadToEndAsync(timeout.Token));
    }
}
