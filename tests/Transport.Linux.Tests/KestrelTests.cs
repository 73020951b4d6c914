using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Transport.Linux.Kestrel;

namespace Transport.Linux.Tests;

/// <summary>Kestrel on the transport: protocols, transfers, start and stop.</summary>
public class KestrelTests
{
    [Theory]
    [InlineData("http", HttpProtocols.Http1, false)]
    [InlineData("http", HttpProtocols.Http1, true)]
    [InlineData("http", HttpProtocols.Http2, false)]
    [InlineData("https", HttpProtocols.Http1, false)]
    [InlineData("https", HttpProtocols.Http2, false)]
    [InlineData("https", HttpProtocols.Http2, true)]
    public async Task Requests_EachProtocol_AreServedOnManyConnections(string scheme, HttpProtocols protocol, bool inline)
    {
        await using var server = await StartAsync(scheme, protocol, options => options.UnsafePreferInlineScheduling = inline);
        using var client = CreateClient();
        var version = protocol == HttpProtocols.Http2 ? HttpVersion.Version20 : HttpVersion.Version11;
        await Parallel.ForEachAsync(Enumerable.Range(0, 400), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, cancellation) =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"{server.Address}/echo?{i}")
            {
                Version = version,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = new StringContent($"body {i}"),
            };
            using var response = await client.SendAsync(request, cancellation);
            Assert.Equal(version, response.Version);
            Assert.Equal($"body {i}", await response.Content.ReadAsStringAsync(cancellation));
        });
        Assert.Empty(server.Complaints);
    }

    [Theory]
    [InlineData("http", HttpProtocols.Http1)]
    [InlineData("https", HttpProtocols.Http2)]
    public async Task Transfer_64MiBEachWay_IsIntact(string scheme, HttpProtocols protocol)
    {
        await using var server = await StartAsync(scheme, protocol);
        using var client = CreateClient();
        var payload = RandomNumberGenerator.GetBytes(64 * 1024 * 1024);
        var version = protocol == HttpProtocols.Http2 ? HttpVersion.Version20 : HttpVersion.Version11;
        using var upload = new HttpRequestMessage(HttpMethod.Post, $"{server.Address}/keep")
        {
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(payload),
        };
        using var uploaded = await client.SendAsync(upload);
        Assert.Equal(HttpStatusCode.OK, uploaded.StatusCode);
        using var download = new HttpRequestMessage(HttpMethod.Get, $"{server.Address}/kept")
        {
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using var response = await client.SendAsync(download, HttpCompletionOption.ResponseHeadersRead);
        await using var stream = await response.Content.ReadAsStreamAsync();
        Assert.Equal(SHA256.HashData(payload), await SHA256.HashDataAsync(stream));
    }

    [Fact]
    public async Task WebSocket_EchoesAndCloses()
    {
        await using var server = await StartAsync("http", HttpProtocols.Http1);
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri(server.Address.Replace("http", "ws", StringComparison.Ordinal) + "/ws"), CancellationToken.None);
        var buffer = new byte[70_000];
        foreach (var size in new[] { 1, 125, 126, 65_536 })
        {
            var message = RandomNumberGenerator.GetBytes(size);
            await socket.SendAsync(message, WebSocketMessageType.Binary, true, CancellationToken.None);
            var received = 0;
            ValueWebSocketReceiveResult result;
            do
            {
                result = await socket.ReceiveAsync(buffer.AsMemory(received), CancellationToken.None);
                received += result.Count;
            }
            while (!result.EndOfMessage);
            Assert.True(message.AsSpan().SequenceEqual(buffer.AsSpan(0, received)));
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).WaitAsync(Deadline.Default);
    }

    [Fact]
    public async Task RequestAborted_ClientLeaves_Fires()
    {
        await using var server = await StartAsync("http", HttpProtocols.Http1);
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, new Uri(server.Address).Port);
            await client.GetStream().WriteAsync("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
            await server.State.WaitEntered.Task.WaitAsync(Deadline.Default);
        }

        await server.State.WaitAborted.Task.WaitAsync(Deadline.Default);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public async Task Flush_HandlerKeepsItsThreadAfterwards_ReachesTheClientMeanwhile(int pauseMs)
    {
        await using var server = await StartAsync("http", HttpProtocols.Http1);
        using var client = CreateClient();
        for (var round = 0; round < 10; round++)
        {
            using var response = await client.GetAsync($"{server.Address}/keep-thread?{pauseMs}", HttpCompletionOption.ResponseHeadersRead);
            await using var body = await response.Content.ReadAsStreamAsync();
            Assert.Equal(5, await body.ReadAtLeastAsync(new byte[5], 5).AsTask().WaitAsync(Deadline.Default));
            server.State.KeepThread.Set();
        }
    }

    [Fact]
    public async Task StopAsync_RequestInFlight_CompletesItThenLeavesNoConnection()
    {
        var server = await StartAsync("http", HttpProtocols.Http1);
        using var client = CreateClient();
        var response = client.GetStringAsync($"{server.Address}/slow");
        await server.State.WaitEntered.Task.WaitAsync(Deadline.Default);
        var stop = server.App.StopAsync();
        server.State.SlowMayEnd.SetResult();
        Assert.Equal("done", await response.WaitAsync(Deadline.Default));
        await stop.WaitAsync(Deadline.Default);
        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetStringAsync($"{server.Address}/echo"));
        await server.DisposeAsync();
    }

    [Fact]
    public async Task UnixSocketEndpoint_ServesHttp()
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.sock");
        var builder = KestrelServer.CreateBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(path));
        await using var app = builder.Build();
        app.MapGet("/", static () => "over unix");
        await app.StartAsync();
        Assert.Equal("over unix", await GetAsync(new UnixDomainSocketEndPoint(path)));
        await app.StopAsync();
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task Start_PortTaken_FailsWithTheAddressInTheMessage()
    {
        await using var server = await StartAsync("http", HttpProtocols.Http1);
        var builder = KestrelServer.CreateBuilder();
        builder.WebHost.UseUrls(server.Address);
        await using var second = builder.Build();
        var exception = await Assert.ThrowsAsync<IOException>(() => second.StartAsync());
        Assert.Contains(server.Address, exception.Message, StringComparison.Ordinal);
        Assert.IsType<AddressInUseException>(exception.InnerException);
    }

    [Fact]
    public async Task Start_PortTakenByAnotherProcess_FailsWithTheAddressInTheMessage()
    {
        await using var first = await PlainApp.StartAsync();
        await using var second = PlainApp.Run([], $"--urls=http://{first.EndPoint}");
        Assert.NotEqual(0, await second.WaitForExitAsync());
        Assert.Contains($"Failed to bind to address http://{first.EndPoint}: address already in use", second.Everything, StringComparison.Ordinal);
        using var client = new HttpClient { Timeout = Deadline.Default };
        Assert.Equal("Hello from the event loop", await client.GetStringAsync(first.Address));
    }

    [Fact]
    public async Task AbstractUnixEndpoint_ServesHttp()
    {
        var endPoint = new UnixDomainSocketEndPoint($"\0{Guid.NewGuid():N}");
        var builder = KestrelServer.CreateBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(endPoint));
        await using var app = builder.Build();
        app.MapGet("/", static () => "without a file");
        await app.StartAsync();
        Assert.Equal("without a file", await GetAsync(endPoint));
        await app.StopAsync();
    }

    [RequiresLinkLocalAddressFact]
    public async Task LinkLocalEndpoint_ServesHttpOnItsScope()
    {
        var address = RequiresLinkLocalAddressFactAttribute.FindAddress()!;
        var builder = KestrelServer.CreateBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(address, 0));
        await using var app = builder.Build();
        app.MapGet("/", static context => context.Response.WriteAsync(
            $"{context.Connection.LocalIpAddress!.ScopeId} {context.Connection.RemoteIpAddress!.ScopeId}"));
        await app.StartAsync();
        var endPoint = new IPEndPoint(address, new Uri(app.Urls.Single()).Port);
        Assert.Equal($"{address.ScopeId} {address.ScopeId}", await GetAsync(endPoint));
        await app.StopAsync();
    }

    [Fact]
    public void CanBind_EndPointsOfOtherKinds_AreLeftToKestrelsOwnTransport()
    {
        using var loops = new LoopFixture();
        var factory = new LinuxTransportFactory(loops.Group, loops.Options, loops.Log);
        Assert.True(factory.CanBind(new IPEndPoint(IPAddress.Any, 1)));
        Assert.True(factory.CanBind(new UnixDomainSocketEndPoint("/x")));
        Assert.True(factory.CanBind(new FileHandleEndPoint(3, FileHandleType.Auto)));
        Assert.False(factory.CanBind(new FileHandleEndPoint(3, FileHandleType.Pipe)));
        Assert.False(factory.CanBind(new NamedPipeEndPoint("x")));
        Assert.False(factory.CanBind(new DnsEndPoint("localhost", 1)));
    }

    [Fact]
    public void Registration_KestrelsOwnTransportStaysBehindOurs()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseLinuxZeroCopyTransport();
        using var services = builder.Services.BuildServiceProvider();
        var factories = services.GetServices<IConnectionListenerFactory>().ToArray();
        Assert.IsType<LinuxTransportFactory>(factories[^1]);
        Assert.Contains(factories, static factory => factory.GetType().Name == "SocketTransportFactory");
    }

    private static async Task<string> GetAsync(EndPoint endPoint)
    {
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var protocol = endPoint is UnixDomainSocketEndPoint ? ProtocolType.Unspecified : ProtocolType.Tcp;
                var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, protocol);
                await socket.ConnectAsync(endPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        {
            Timeout = Deadline.Default,
        };
        return await client.GetStringAsync("http://localhost/");
    }

    private static HttpClient CreateClient() => new(new SocketsHttpHandler
    {
        SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, _, _, _) => true },
    })
    {
        Timeout = Deadline.Default,
    };

    private static async Task<TestServer> StartAsync(
        string scheme, HttpProtocols protocol, Action<LinuxTransportOptions>? configure = null)
    {
        var state = new RequestState();
        var server = await KestrelServer.StartAsync(app => Map(app, state), configure, listen =>
        {
            listen.Protocols = protocol;
            if (scheme == "https")
            {
                listen.UseHttps(CreateCertificate());
            }
        });
        return new TestServer(server, state);
    }

    private static void Map(WebApplication app, RequestState state)
    {
        app.UseWebSockets();
        app.MapPost("/echo", static context =>
        {
            context.Response.ContentLength = context.Request.ContentLength;
            return context.Request.Body.CopyToAsync(context.Response.Body);
        });
        byte[] kept = [];
        app.MapPost("/keep", async context =>
        {
            var buffer = new MemoryStream();
            await context.Request.Body.CopyToAsync(buffer);
            kept = buffer.ToArray();
        });
        app.MapGet("/kept", context => context.Response.Body.WriteAsync(kept).AsTask());
        app.MapGet("/wait", async context =>
        {
            using var registration = context.RequestAborted.Register(state.WaitAborted.SetResult);
            state.WaitEntered.SetResult();
            await state.WaitAborted.Task;
        });
        app.MapGet("/keep-thread", async context =>
        {
            Thread.Sleep(int.Parse(context.Request.QueryString.Value![1..], CultureInfo.InvariantCulture));
            await context.Response.WriteAsync("first");
            await context.Response.Body.FlushAsync();
            Assert.True(state.KeepThread.WaitOne(Deadline.Default));
            await context.Response.WriteAsync("second");
        });
        app.MapGet("/slow", async () =>
        {
            state.WaitEntered.SetResult();
            await state.SlowMayEnd.Task;
            return "done";
        });
        app.MapGet("/ws", static async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[4_096];
            while (true)
            {
                var result = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (result.MessageType == WebSocketMessageType.Close)
                {
                    await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
                    return;
                }

                await socket.SendAsync(buffer.AsMemory(0, result.Count), result.MessageType, result.EndOfMessage, CancellationToken.None);
            }
        });
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    /// <summary>Where the requests that a test holds up are.</summary>
    private sealed class RequestState
    {
        public AutoResetEvent KeepThread { get; } = new(false);

        public TaskCompletionSource WaitEntered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource WaitAborted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource SlowMayEnd { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class TestServer(KestrelServer server, RequestState state) : IAsyncDisposable
    {
        public WebApplication App => server.App;

        public string Address => server.Address;

        public RequestState State => state;

        public IEnumerable<string> Complaints => server.Log.Complaints;

        public async ValueTask DisposeAsync()
        {
            await server.DisposeAsync();
            state.KeepThread.Dispose();
        }
    }
}
