using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Tests.LoadBalancing;

/// <summary>A cluster that HTTP routes and TCP routes use at the same time, over real sockets.</summary>
public sealed class MixedClusterTests : IDisposable
{
    private readonly CancellationTokenSource _patience = new(TestGateway.Patience);
    private readonly Channel<string> _accepted = Channel.CreateUnbounded<string>();
    private readonly TcpListener _a = new(IPAddress.Loopback, 0);
    private readonly TcpListener _b = new(IPAddress.Loopback, 0);

    public MixedClusterTests()
    {
        _a.Start();
        _b.Start();
        _ = AcceptAsync(_a, "a");
        _ = AcceptAsync(_b, "b");
    }

    public void Dispose()
    {
        _patience.Cancel();
        _patience.Dispose();
        _a.Dispose();
        _b.Dispose();
    }

    [Theory]
    [InlineData(nameof(LoadBalancingPolicies.LeastRequests), true)]
    [InlineData(nameof(LoadBalancingPolicies.LeastRequests), false)]
    [InlineData(nameof(LoadBalancingPolicies.PowerOfTwoChoices), true)]
    [InlineData(nameof(SpliceLoadBalancingPolicies.WeightedLeastRequests), true)]
    public async Task Sessions_count_when_requests_are_balanced(string policy, bool onLinuxTransport)
    {
        var port = TestGateway.FreePort();
        await using var gateway = await TestGateway.StartAsync($$"""
            { "Routes": {
                "tcp": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "*:{{port}}" ] } },
                "http": { "ClusterId": "c", "Match": { "Path": "{**catch-all}" } } },
              "Clusters": { "c": { "LoadBalancingPolicy": "{{policy}}", "Destinations": {
                "a": { "Address": "http://127.0.0.1:{{PortOf(_a)}}" }, "b": { "Address": "http://127.0.0.1:{{PortOf(_b)}}/" } } } } }
            """, static builder => builder.Services.RemoveAll<IRelayEngine>(), onLinuxTransport);

        // With one session on one of them, every request goes to the other.
        using var session = new TcpClient();
        await session.ConnectAsync(IPAddress.Loopback, port, _patience.Token);
        var busy = await _accepted.Reader.ReadAsync(_patience.Token);
        using var client = new HttpClient();
        for (var i = 0; i < 10; i++)
        {
            Assert.NotEqual(busy, await client.GetStringAsync(new Uri($"http://127.0.0.1:{gateway.HttpPort}/"), _patience.Token));
        }
    }

    private static int PortOf(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;

    private async Task AcceptAsync(TcpListener listener, string name)
    {
        while (true)
        {
            var connection = await listener.AcceptTcpClientAsync(_patience.Token);
            _accepted.Writer.TryWrite(name);
            _ = AnswerAsync(connection, name);
        }
    }

    /// <summary>Answers each request with the listener's name; a session sends nothing.</summary>
    private async Task AnswerAsync(TcpClient connection, string name)
    {
        using (connection)
        {
            var stream = connection.GetStream();
            var buffer = new byte[4096];
            while (await stream.ReadAsync(buffer, _patience.Token) > 0)
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}"), _patience.Token);
            }
        }
    }
}
