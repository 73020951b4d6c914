using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Hostile;

/// <summary>Clients that keep coming while nobody can serve them: the log says so, but not once for each.</summary>
public sealed class LogFloodTests : IAsyncLifetime
{
    private const int Requests = 500;
    private const int MostLines = 30;

    private readonly int _tcpPort = FreePort.Next();
    private readonly int _httpPort = FreePort.Next();
    private Gateway _gateway = null!;

    public async Task InitializeAsync()
    {
        var dead = FreePort.Next();
        var configuration = GatewayConfiguration.Http(
            $"http://127.0.0.1:{dead}", new() { ["Web"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{_httpPort}") });
        var proxy = configuration["ReverseProxy"]!;
        proxy["Routes"]!["tcp"] = GatewayConfiguration.TcpRoute("Auto", _tcpPort, "tcp");
        proxy["Clusters"]!["tcp"] = GatewayConfiguration.Cluster($"tcp://127.0.0.1:{dead}");
        _gateway = await Gateway.StartAsync(configuration);
    }

    public async Task DisposeAsync() => await _gateway.DisposeAsync();

    [Fact]
    public async Task Requests_without_an_upstream_are_logged_in_bounded_number()
    {
        using var client = new HttpClient { Timeout = Deadline.Default };
        for (var i = 0; i < Requests; i++)
        {
            using var response = await client.GetAsync(new Uri($"http://127.0.0.1:{_httpPort}/"));
            Assert.Equal(System.Net.HttpStatusCode.BadGateway, response.StatusCode);
        }

        await _gateway.Program.WaitForOutputAsync("Route site: a request was not forwarded (Request, destination a): ");
        AssertBounded();
    }

    [Fact]
    public async Task Connections_without_an_upstream_are_logged_in_bounded_number()
    {
        for (var i = 0; i < Requests; i++)
        {
            using var client = await TcpUpstream.ConnectAsync(_tcpPort, CancellationToken.None);
            Assert.Equal(0, await client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
        }

        AssertBounded();
    }

    /// <summary>Clients that go in the middle of what they wanted.</summary>
    [Fact]
    public async Task Aborted_requests_are_logged_in_bounded_number()
    {
        for (var i = 0; i < Requests; i++)
        {
            using var client = await TcpUpstream.ConnectAsync(_httpPort, CancellationToken.None);
            await client.SendAsync(i % 2 == 0 ? "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nab"u8.ToArray() : "\u0001\u0002 / HTTP/9\r\n\r\n"u8.ToArray());
            client.LingerState = new System.Net.Sockets.LingerOption(enable: true, 0);
        }

        AssertBounded();
    }

    private void AssertBounded()
    {
        var text = _gateway.Program.Output + _gateway.Program.Error;
        Assert.True(text.AsSpan().Count('\n') <= MostLines, $"{text.AsSpan().Count('\n')} lines, which end with\n{text[Math.Max(0, text.Length - 4000)..]}");
    }
}
