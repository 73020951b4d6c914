using System.Diagnostics.Tracing;
using System.Net;
using System.Net.Http;
using System.Net.Security;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Yarp.Splice.Tests.Tls;

namespace Yarp.Splice.Tests.Upgrades;

/// <summary>The request of an upgrade stays YARP's, and so do the connections that cannot be relayed.</summary>
public class UpgradeRequestTests
{
    private const string RequireAdmin = """, "AuthorizationPolicy": "admin" """;

    [Fact]
    public async Task Transforms_ChangeTheRequestAndTheAnswer()
    {
        await using var gateway = await UpgradeGateway.StartAsync(route: """
            , "Transforms": [ { "PathPrefix": "/app" }, { "RequestHeader": "X-From", "Set": "gateway" }, { "ResponseHeader": "X-Via", "Set": "gateway", "When": "Always" } ]
            """);
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(RawHttp.UpgradeRequest);
        using var server = await gateway.AcceptAsync();
        var request = await RawHttp.ReadHeadAsync(server);
        Assert.StartsWith("GET /app/chat?x=1 HTTP/1.1\r\n", request, StringComparison.Ordinal);
        Assert.Contains("X-From: gateway\r\n", request, StringComparison.Ordinal);
        Assert.Contains("X-Forwarded-For: 127.0.0.1\r\n", request, StringComparison.Ordinal);
        await server.SendAsync(RawHttp.SwitchingProtocols);
        var answer = await RawHttp.ReadHeadAsync(client);
        Assert.Contains("X-Via: gateway\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", answer, StringComparison.Ordinal);
        await gateway.WaitForSessionsAsync(1);
    }

    [Theory]
    [InlineData("nobody", 403, 0)]
    [InlineData("admin", 101, 1)]
    public async Task Authorization_IsAskedBeforeTheUpgrade(string user, int status, int sessions)
    {
        await using var gateway = await UpgradeGateway.StartAsync(route: RequireAdmin, configure: UserHeader.AddAdminPolicy);
        using var client = await gateway.ConnectAsync();
        var request = Encoding.ASCII.GetString(RawHttp.UpgradeRequest).Replace("\r\n\r\n", $"\r\nX-User: {user}\r\n\r\n", StringComparison.Ordinal);
        await client.SendAsync(Encoding.ASCII.GetBytes(request));
        if (sessions > 0)
        {
            using var server = await gateway.AcceptAsync();
            await RawHttp.ReadHeadAsync(server);
            await server.SendAsync(RawHttp.SwitchingProtocols);
            await AssertAnswerAsync();
        }
        else
        {
            await AssertAnswerAsync();
        }

        async Task AssertAnswerAsync()
        {
            Assert.StartsWith($"HTTP/1.1 {status}", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
            await gateway.WaitForSessionsAsync(sessions);
        }
    }

    [Theory]
    [InlineData(403)]
    [InlineData(200)]
    public async Task OtherAnswer_IsForwardedAndTheConnectionStaysHttp(int status)
    {
        await using var gateway = await UpgradeGateway.StartAsync();
        using var client = await gateway.ConnectAsync();
        using var server = await AnswerAsync();

        // Both hops are reused.
        await client.SendAsync(RawHttp.UpgradeRequest);
        await RawHttp.ReadHeadAsync(server);
        await server.SendAsync(RawHttp.SwitchingProtocols);
        Assert.StartsWith("HTTP/1.1 101", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
        await gateway.WaitForSessionsAsync(1);

        async Task<System.Net.Sockets.Socket> AnswerAsync()
        {
            await client.SendAsync(RawHttp.UpgradeRequest);
            var server = await gateway.AcceptAsync();
            await RawHttp.ReadHeadAsync(server);
            await server.SendAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status} Sure\r\nContent-Length: 5\r\n\r\nhello"));
            Assert.StartsWith($"HTTP/1.1 {status}", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
            Assert.Equal("hello"u8.ToArray(), await RawHttp.ReadAsync(client, 5));
            Assert.Equal(0, gateway.ActiveSessions);
            return server;
        }
    }

    [Fact]
    public async Task WebSocket_SmallAndLargeMessages_ComeBackAndAreRelayed()
    {
        await using var echo = await WebSocketEcho.StartAsync();
        await using var gateway = await UpgradeGateway.StartAsync(upstream: echo.Address);
        await EchoAsync(new Uri($"ws://127.0.0.1:{gateway.Gateway.HttpPort}/"));
        await gateway.WaitUntilIdleAsync();
        Assert.Equal(0, gateway.Managed);
        Assert.InRange(gateway.Metrics.Sum("splice.bytes", ("direction", "client")), 3_000_000, long.MaxValue);
    }

    [Theory]
    [InlineData("""{ "Upgrades": "Managed" }""", 0)]
    [InlineData("{ }", 0)]
    public async Task WebSocket_RouteNotMarked_IsYarpsAndNotCounted(string splice, int managed)
    {
        await using var echo = await WebSocketEcho.StartAsync();
        await using var gateway = await UpgradeGateway.StartAsync(splice, upstream: echo.Address);
        await EchoAsync(new Uri($"ws://127.0.0.1:{gateway.Gateway.HttpPort}/"));
        Assert.Equal(managed, gateway.Managed);
        Assert.Equal(0, gateway.Metrics.Sum("splice.bytes"));
    }

    [Fact]
    public async Task WebSocket_OtherTransport_StaysManagedAndIsCounted()
    {
        await using var echo = await WebSocketEcho.StartAsync();
        await using var gateway = await UpgradeGateway.StartAsync(upstream: echo.Address, onLinuxTransport: false);
        await EchoAsync(new Uri($"ws://127.0.0.1:{gateway.Gateway.HttpPort}/"));
        await AssertManagedAsync(gateway, "not on an event loop");
    }

    [Theory]
    [InlineData(HttpProtocols.Http1, false, "the client's connection is encrypted")]
    [InlineData(HttpProtocols.Http2, true, "the client speaks HTTP/2")]
    public async Task WebSocket_ClientOverTls_StaysManagedAndIsCounted(HttpProtocols protocols, bool isHttp2, string reason)
    {
        await using var echo = await WebSocketEcho.StartAsync();
        using var certificate = TlsSite.CreateCertificate("site");
        await using var gateway = await UpgradeGateway.StartAsync(upstream: echo.Address, configure: builder =>
            builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0, endpoint =>
            {
                endpoint.Protocols = protocols;
                endpoint.UseHttps(certificate);
            })));
        await EchoAsync(new Uri($"wss://127.0.0.1:{gateway.Gateway.HttpPort}/"), isHttp2);
        await AssertManagedAsync(gateway, reason);
    }

    [Fact]
    public async Task WebSocket_DestinationOverTls_StaysManagedAndIsCounted()
    {
        using var certificate = TlsSite.CreateCertificate("site");
        await using var echo = await WebSocketEcho.StartAsync(certificate);
        await using var gateway = await UpgradeGateway.StartAsync(
            upstream: echo.Address,
            cluster: """, "HttpClient": { "DangerousAcceptAnyServerCertificate": true }, "HttpRequest": { "Version": "1.1", "VersionPolicy": "RequestVersionOrLower" }""");
        await EchoAsync(new Uri($"ws://127.0.0.1:{gateway.Gateway.HttpPort}/"));
        await AssertManagedAsync(gateway, "the destination's connection is encrypted");
    }

    [Fact]
    public async Task WebSocket_ClientOfTheApplication_StaysManagedAndIsCounted()
    {
        await using var echo = await WebSocketEcho.StartAsync();
        await using var gateway = await UpgradeGateway.StartAsync(upstream: echo.Address, configure: static builder =>
            builder.Services.Configure<SpliceOptions>(static options => options.HttpDestinationsOnEventLoops = false));
        await EchoAsync(new Uri($"ws://127.0.0.1:{gateway.Gateway.HttpPort}/"));
        await AssertManagedAsync(gateway, "HttpDestinationsOnEventLoops");
    }

    [Fact]
    public async Task WebSocket_TelemetryMiddlewareReadsTheStream_StaysManagedAndIsCounted()
    {
        // YARP's telemetry looks at the messages only if somebody listens.
        using var listener = new TelemetryListener();
        await using var echo = await WebSocketEcho.StartAsync();
        await using var gateway = await UpgradeGateway.StartAsync(upstream: echo.Address, configure: static builder =>
            builder.Services.AddSingleton<IStartupFilter>(new Telemetry()));
        await EchoAsync(new Uri($"ws://127.0.0.1:{gateway.Gateway.HttpPort}/"));
        await AssertManagedAsync(gateway, "middleware of the application reads the upgraded stream");
    }

    private static async Task AssertManagedAsync(UpgradeGateway gateway, string reason)
    {
        await gateway.WaitUntilIdleAsync();
        Assert.Equal(1, gateway.Managed);
        Assert.Equal(0, gateway.Metrics.Sum("splice.bytes"));
        Assert.Contains(reason, await gateway.Gateway.Log.WaitForAsync("upgraded connections are copied by YARP where"), StringComparison.Ordinal);
    }

    private static async Task EchoAsync(Uri address, bool isHttp2 = false)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        using var socket = new ClientWebSocket();
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
        using var invoker = new HttpMessageInvoker(handler);
        if (isHttp2)
        {
            socket.Options.HttpVersion = HttpVersion.Version20;
            socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        }

        await socket.ConnectAsync(address, invoker, timeout.Token);
        foreach (var size in (int[])[0, 1, 125, 126, 65_535, 65_536, 3_000_000, 1])
        {
            var message = RandomNumberGenerator.GetBytes(size);
            var received = new byte[size + 1];
            var receiving = ReceiveAsync();
            await socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, timeout.Token);
            var count = await receiving;
            Assert.True(received.AsSpan(0, count).SequenceEqual(message));

            async Task<int> ReceiveAsync()
            {
                for (var offset = 0; ;)
                {
                    var result = await socket.ReceiveAsync(received.AsMemory(offset), timeout.Token);
                    offset += result.Count;
                    if (result.EndOfMessage)
                    {
                        return offset;
                    }
                }
            }
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", timeout.Token);
        Assert.Equal("done", socket.CloseStatusDescription);
    }

    private sealed class TelemetryListener : EventListener
    {
        protected override void OnEventSourceCreated(EventSource eventSource)
        {
            if (eventSource.Name == "Yarp.ReverseProxy.WebSockets")
            {
                EnableEvents(eventSource, EventLevel.LogAlways);
            }
        }
    }

    private sealed class Telemetry : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.UseWebSocketsTelemetry();
            next(app);
        };
    }
}
