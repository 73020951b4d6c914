using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Testing.Leaks;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.Splice.Health;
using Yarp.Splice.Tests.Upgrades;

namespace Yarp.Splice.Tests;

/// <summary>Whose connections YARP's own HTTP clients use, and how long these are open.</summary>
public class HttpDestinationTests
{
    [Fact]
    public void AddSplice_ByDefault_ConnectsOnTheEventLoops() => Assert.Contains("EventLoopConnector", ConnectorOf(static _ => { }));

    [Fact]
    public void AddSplice_SwitchedOff_LeavesTheHandlersOwnSockets() =>
        Assert.Null(ConnectorOf(static proxy => proxy.Services.Configure<SpliceOptions>(static options => options.HttpDestinationsOnEventLoops = false)));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AddSplice_ApplicationConfiguresClients_LeavesItToThat(bool isBefore)
    {
        var builder = WebApplication.CreateSlimBuilder();
        var proxy = builder.Services.AddReverseProxy();
        if (isBefore)
        {
            proxy.ConfigureHttpClient(Configure);
        }

        proxy.AddSplice(static _ => { });
        if (!isBefore)
        {
            proxy.ConfigureHttpClient(Configure);
        }

        Assert.Contains(nameof(HttpDestinationTests), ConnectorOf(builder));

        static void Configure(ForwarderHttpClientContext context, SocketsHttpHandler handler) =>
            handler.ConnectCallback = static (_, _) => throw new NotSupportedException();
    }

    [Fact]
    public async Task Reload_ChangesTheClient_TheOldOnesIdleConnectionEnds()
    {
        using var destination = Listen();
        await using var gateway = await TestGateway.StartAsync(Configuration(destination, maxConnections: 1));
        using var connection = await RequestAsync(gateway, destination, null);
        Garbage.Collect();
        // The client is in use, and so is its connection.
        await RequestAsync(gateway, destination, connection);

        gateway.Replace(Configuration(destination, maxConnections: 2));
        Assert.Equal(0, await Garbage.CollectUntilAsync(connection.ReceiveAsync(new byte[1])));
        using var next = await RequestAsync(gateway, destination, null);
    }

    [Fact]
    public async Task Application_EndsWithAnIdleConnection_TheConnectionEnds()
    {
        using var destination = Listen();
        using var connection = await RunAsync(destination);
        Assert.Equal(0, await Garbage.CollectUntilAsync(connection.ReceiveAsync(new byte[1])));

        static async Task<Socket> RunAsync(Socket destination)
        {
            await using var gateway = await TestGateway.StartAsync(Configuration(destination, maxConnections: 1));
            return await RequestAsync(gateway, destination, null);
        }
    }

    private static string Configuration(Socket destination, int maxConnections) => $$"""
        {
          "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "{**rest}" } } },
          "Clusters": { "c": {
            "HttpClient": { "MaxConnectionsPerServer": {{maxConnections}} },
            "Destinations": { "d": { "Address": "http://{{destination.LocalEndPoint}}" } } } }
        }
        """;

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    /// <summary>One request through the gateway, which the test answers on the connection, or on the next one.</summary>
    /// <returns>The connection, idle.</returns>
    private static async Task<Socket> RequestAsync(TestGateway gateway, Socket destination, Socket? connection)
    {
        var answer = TestGateway.ReadAllAsync(gateway.HttpPort, "GET / HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n");
        connection ??= await destination.AcceptAsync().WaitAsync(Deadline.Default);
        await RawHttp.ReadHeadAsync(connection);
        await RawHttp.SendAllAsync(connection, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"u8.ToArray());
        Assert.EndsWith("\r\n\r\nbody", await answer, StringComparison.Ordinal);
        return connection;
    }

    private static string? ConnectorOf(Action<IReverseProxyBuilder> configure)
    {
        var builder = WebApplication.CreateSlimBuilder();
        configure(builder.Services.AddReverseProxy().AddSplice(static _ => { }));
        return ConnectorOf(builder);
    }

    /// <summary>Who declares the callback that opens the connections of a client, or nobody.</summary>
    private static string? ConnectorOf(WebApplicationBuilder builder)
    {
        using var application = builder.Build();
        var factory = application.Services.GetRequiredService<IForwarderHttpClientFactory>();
        using var client = factory.CreateClient(new ForwarderHttpClientContext { NewConfig = HttpClientConfig.Empty });
        object? handler = typeof(HttpMessageInvoker).GetField("_handler", BindingFlags.Instance | BindingFlags.NonPublic)!
            .GetValue((client as ProbingClient)?.Inner ?? client);
        while (handler is DelegatingHandler outer)
        {
            handler = outer.InnerHandler;
        }

        return Assert.IsType<SocketsHttpHandler>(handler).ConnectCallback?.Method.DeclaringType?.FullName;
    }
}
