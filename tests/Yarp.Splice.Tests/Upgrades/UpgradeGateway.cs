using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.ReverseProxy;
using Yarp.Splice.Relay;
using Yarp.Splice.Tests.Relay;

namespace Yarp.Splice.Tests.Upgrades;

/// <summary>A gateway with the real relay and one HTTP route, and the destination's listening socket, which a test answers by hand.</summary>
internal sealed class UpgradeGateway : IAsyncDisposable
{
    private readonly Socket _upstream;

    private UpgradeGateway(TestGateway gateway, Socket upstream)
    {
        Gateway = gateway;
        _upstream = upstream;
        Metrics = new SpliceReadings(gateway.App.Services.GetRequiredService<IMeterFactory>());
    }

    public TestGateway Gateway { get; }

    public SpliceReadings Metrics { get; }

    /// <summary>Sessions that the relay has at the moment.</summary>
    public long ActiveSessions => Metrics.Sum("splice.sessions.active");

    /// <summary>Connections that YARP copies although the route asks for the relay.</summary>
    public long Managed => Metrics.Sum("splice.fallbacks", ("splice.effective", "Managed"));

    /// <summary>What YARP's load balancing believes the destination to be busy with.</summary>
    public int Concurrency => Gateway.App.Services.GetRequiredService<IProxyStateLookup>().GetClusters().Single().Destinations.Values.Single()
        .ConcurrentRequestCount;

    /// <param name="splice">The route's Splice section.</param>
    /// <param name="route">Other keys of the route, with a comma before each.</param>
    /// <param name="cluster">Other keys of the cluster, with a comma before each.</param>
    /// <param name="configure">Changes the application.</param>
    /// <param name="upstream">The destination's port, if it is not answered by hand.</param>
    /// <param name="onLinuxTransport">Whether Kestrel runs on the event loops.</param>
    public static async Task<UpgradeGateway> StartAsync(
        string splice = """{ "Upgrades": "Splice" }""",
        string route = "",
        string cluster = "",
        Action<WebApplicationBuilder>? configure = null,
        string? upstream = null,
        bool onLinuxTransport = true)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(512);
        upstream ??= $"http://127.0.0.1:{((IPEndPoint)socket.LocalEndPoint!).Port}";
        var gateway = await TestGateway.StartAsync(
            $$"""
            {
              "Routes": { "ws": { "ClusterId": "c", "Match": { "Path": "{**rest}" }, "Splice": {{splice}} {{route}} } },
              "Clusters": { "c": { "Destinations": { "d": { "Address": "{{upstream}}" } } {{cluster}} } }
            }
            """,
            builder =>
            {
                builder.Services.RemoveAll<IRelayEngine>();
                configure?.Invoke(builder);
            },
            onLinuxTransport);
        return new UpgradeGateway(gateway, socket);
    }

    /// <summary>A client's connection to the gateway.</summary>
    public async Task<Socket> ConnectAsync()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, Gateway.HttpPort)).WaitAsync(Deadline.Default);
        return client;
    }

    /// <summary>The gateway's next connection to the destination.</summary>
    public async Task<Socket> AcceptAsync()
    {
        var socket = await _upstream.AcceptAsync().WaitAsync(Deadline.Default);
        socket.NoDelay = true;
        return socket;
    }

    /// <summary>A client and a destination with the upgrade behind them.</summary>
    public async Task<(Socket Client, Socket Server)> UpgradeAsync()
    {
        var client = await ConnectAsync();
        await client.SendAsync(RawHttp.UpgradeRequest);
        var server = await AcceptAsync();
        await RawHttp.ReadHeadAsync(server);
        await server.SendAsync(RawHttp.SwitchingProtocols);
        Assert.StartsWith("HTTP/1.1 101", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
        return (client, server);
    }

    /// <summary>The client may have read the answer before the relay has both sockets.</summary>
    public Task WaitForSessionsAsync(int count) =>
        Deadline.UntilAsync(() => Task.FromResult(ActiveSessions == count), () => $"{ActiveSessions} sessions instead of {count}");

    /// <summary>Waits until no session is left, and nothing that YARP counts.</summary>
    public Task WaitUntilIdleAsync() =>
        Deadline.UntilAsync(() => Task.FromResult(ActiveSessions == 0 && Concurrency == 0), () => $"{ActiveSessions} sessions, {Concurrency} requests");

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        Metrics.Dispose();
        _upstream.Dispose();
        Assert.DoesNotContain(Gateway.Log.Lines, static line => line.StartsWith("Error", StringComparison.Ordinal));
        Assert.DoesNotContain(Gateway.Log.Lines, static line => line.Contains("request processing ended abnormally", StringComparison.Ordinal));
    }
}
