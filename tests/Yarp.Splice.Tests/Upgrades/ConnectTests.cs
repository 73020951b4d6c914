using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Tests.Upgrades;

/// <summary>CONNECT on routes that allow targets.</summary>
public class ConnectTests
{
    [Fact]
    public async Task AllowedTarget_IsConnectedAndRelayed_WithTheBytesThatFollowTheRequest()
    {
        using var target = Listen();
        var authority = $"127.0.0.1:{Port(target)}";
        await using var gateway = await UpgradeGateway.StartAsync($$"""{ "Connect": [ "{{authority}}" ] }""");
        using (var client = await gateway.ConnectAsync())
        {
            await client.SendAsync(Encoding.ASCII.GetBytes($"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\nearly"));
            using var server = await target.AcceptAsync().WaitAsync(Deadline.Default);
            Assert.Equal("HTTP/1.1 200 Connection established\r\n\r\n", await RawHttp.ReadHeadAsync(client));
            Assert.Equal("early"u8.ToArray(), await RawHttp.ReadAsync(server, 5));
            await server.SendAsync("answer"u8.ToArray());
            Assert.Equal("answer"u8.ToArray(), await RawHttp.ReadAsync(client, 6));
            Assert.Equal(1, gateway.ActiveSessions);

            client.Shutdown(SocketShutdown.Send);
            Assert.Equal(0, await server.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
            server.Shutdown(SocketShutdown.Send);
            Assert.Equal(0, await client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
        }

        await gateway.WaitUntilIdleAsync();
        Assert.Equal(5, gateway.Metrics.Sum("splice.bytes", ("splice.destination", authority), ("direction", "upstream")));
    }

    [Theory]
    [InlineData("nobody", 403)]
    [InlineData("admin", 200)]
    public async Task RouteWithoutCluster_AuthorizationIsAskedFirst(string user, int status)
    {
        using var target = Listen();
        var authority = $"127.0.0.1:{Port(target)}";
        await using var gateway = await TestGateway.StartAsync(
            $$"""
            { "Routes": { "tunnel": { "Match": { "Path": "{**target}" }, "AuthorizationPolicy": "admin",
                                      "Splice": { "Connect": [ "{{authority}}" ], "Upgrades": "Copy" } } } }
            """,
            static builder =>
            {
                builder.Services.RemoveAll<IRelayEngine>();
                UserHeader.AddAdminPolicy(builder);
            });
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, gateway.HttpPort)).WaitAsync(Deadline.Default);
        await client.SendAsync(Encoding.ASCII.GetBytes($"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nX-User: {user}\r\n\r\n"));
        Assert.StartsWith($"HTTP/1.1 {status}", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
        Assert.Equal(status == 200, target.Poll(0, SelectMode.SelectRead));
    }

    [Fact]
    public async Task ServerSpeaksFirst_ReachesTheClientAfterTheAnswer()
    {
        using var target = Listen();
        await using var gateway = await UpgradeGateway.StartAsync($$"""{ "Connect": [ "localhost:{{Port(target)}}" ] }""");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes($"CONNECT localhost:{Port(target)} HTTP/1.1\r\nHost: localhost:{Port(target)}\r\n\r\n"));
        using var server = await target.AcceptAsync().WaitAsync(Deadline.Default);
        await server.SendAsync("220 ready"u8.ToArray());
        Assert.StartsWith("HTTP/1.1 200", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
        Assert.Equal("220 ready"u8.ToArray(), await RawHttp.ReadAsync(client, 9));
    }

    [Theory]
    [InlineData("127.0.0.1:1", 403)]
    [InlineData("example.com:443", 403)]
    [InlineData("[::1]:443", 403)]
    [InlineData("example.com", 400)]
    [InlineData("example.com:0", 400)]
    public async Task OtherTarget_IsRefused(string authority, int status)
    {
        await using var gateway = await UpgradeGateway.StartAsync("""{ "Connect": [ "db.example.com:5432", "*.example.com:443", "127.0.0.1:2" ] }""");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes($"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n"));
        Assert.StartsWith($"HTTP/1.1 {status}", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
        Assert.Equal(status == 403 ? 1 : 0, gateway.Metrics.Sum("splice.refused", ("splice.reason", "connect_target")));
    }

    [Fact]
    public async Task RouteWithoutTargets_DoesNotConnect()
    {
        using var target = Listen();
        await using var gateway = await UpgradeGateway.StartAsync();
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes($"CONNECT 127.0.0.1:{Port(target)} HTTP/1.1\r\nHost: 127.0.0.1:{Port(target)}\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 502", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
        Assert.False(target.Poll(0, SelectMode.SelectRead));
    }

    [Fact]
    public async Task TargetRefusesTheConnection_Is502()
    {
        var target = Listen();
        var authority = $"127.0.0.1:{Port(target)}";
        target.Dispose();
        await using var gateway = await UpgradeGateway.StartAsync($$"""{ "Connect": [ "{{authority}}" ] }""");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes($"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 502", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
        Assert.Equal(1, gateway.Metrics.Sum("splice.connect.failures", ("splice.destination", authority)));
    }

    [Fact]
    public async Task TargetDoesNotAnswer_Is504AfterTheConnectTimeout()
    {
        using var target = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        target.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        target.Listen(0);
        // A full accept queue drops further SYNs.
        var waiting = new List<Socket>();
        for (var i = 0; i < 4; i++)
        {
            var filler = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            waiting.Add(filler);
            Assert.ThrowsAny<SocketException>(() => filler.Connect(target.LocalEndPoint!));
        }

        var authority = $"127.0.0.1:{Port(target)}";
        await using var gateway = await UpgradeGateway.StartAsync($$"""{ "Connect": [ "{{authority}}" ], "ConnectTimeout": "00:00:00.3" }""");
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes($"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 504", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
        waiting.ForEach(static filler => filler.Dispose());
    }

    [Fact]
    public async Task OtherTransport_Is501()
    {
        using var target = Listen();
        var authority = $"127.0.0.1:{Port(target)}";
        await using var gateway = await UpgradeGateway.StartAsync($$"""{ "Connect": [ "{{authority}}" ] }""", onLinuxTransport: false);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes($"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 501", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
    }

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    private static int Port(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;
}
