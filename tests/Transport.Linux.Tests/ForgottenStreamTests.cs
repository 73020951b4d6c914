using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Testing.Leaks;

namespace Transport.Linux.Tests;

/// <summary>Outgoing connections that their owner forgets without disposing of them, as YARP does with an HTTP client whose settings have changed.</summary>
public class ForgottenStreamTests
{
    [Fact]
    public async Task Stream_NobodyHoldsIt_IsClosedAndItsRegistrationEnds()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        var before = await loops.CountDescriptorsAsync();
        using var accepted = await ConnectAndForgetAsync(loops, peer, ExchangeAsync);
        Assert.Equal(0, await Garbage.CollectUntilAsync(accepted.ReceiveAsync(new byte[1])));
        await Deadline.UntilAsync(async () => await loops.CountDescriptorsAsync() == before, static () => "a connection that is closed is registered still");
    }

    [Fact]
    public async Task Stream_ItsReadWasCancelledAndNobodyHoldsIt_IsClosed()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        using var accepted = await ConnectAndForgetAsync(loops, peer, static async (stream, _) =>
        {
            using var cancellation = new CancellationTokenSource();
            var read = stream.ReadAsync(new byte[1], cancellation.Token);
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read.AsTask().WaitAsync(Deadline.Default));
        });
        Assert.Equal(0, await Garbage.CollectUntilAsync(accepted.ReceiveAsync(new byte[1])));
    }

    [Fact]
    public async Task Stream_OnlyItsPendingReadHoldsIt_ServesTheReadAndIsClosedThen()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        using var accepted = await ConnectAndForgetAsync(loops, peer, BeginEchoAsync);
        for (var i = 0; i < 5; i++)
        {
            Garbage.Collect();
        }

        await accepted.SendAsync("x"u8.ToArray());
        Assert.Equal(1, await accepted.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
        Assert.Equal(0, await Garbage.CollectUntilAsync(accepted.ReceiveAsync(new byte[1])));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stream_ForgottenWithItsLoopsAfterTheirEnd_IsClosed(bool isReading)
    {
        using var peer = Listen();
        using var accepted = await RunLoopsAsync(peer, isReading);
        Assert.Equal(0, await Garbage.CollectUntilAsync(accepted.ReceiveAsync(new byte[1])));

        static async Task<Socket> RunLoopsAsync(Socket peer, bool isReading)
        {
            using var loops = new LoopFixture();
            return await ConnectAndForgetAsync(loops, peer, isReading ? BeginEchoAsync : ExchangeAsync);
        }
    }

    [Fact]
    public async Task DetachAsync_StreamIsForgotten_LeavesTheDescriptorToTheNewOwner()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        DetachedConnection? detached = null;
        using var accepted = await ConnectAndForgetAsync(loops, peer, async (stream, _) => detached = await EventLoopConnector.DetachAsync(stream));
        for (var i = 0; i < 5; i++)
        {
            Garbage.Collect();
        }

        using (detached)
        {
            using var socket = new Socket(new SafeSocketHandle(detached!.TakeDescriptor(), ownsHandle: true)) { Blocking = false };
            socket.Send("x"u8);
            Assert.Equal(1, await accepted.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
        }
    }

    [Fact]
    public async Task HttpClient_ForgottenWithAReadUnderWay_EndsItsConnectionAtTheIdleTimeout()
    {
        using var loops = new LoopFixture();
        var ended = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await StartHttp2ServerAsync(ended);
        await RequestAsync(loops, new Uri(server.Urls.Single()));
        await Garbage.CollectUntilAsync(ended.Task);

        // HTTP/2 reads all the time.
        [MethodImpl(MethodImplOptions.NoInlining)]
        static async Task RequestAsync(LoopFixture loops, Uri address)
        {
            var handler = new SocketsHttpHandler { PooledConnectionIdleTimeout = TimeSpan.FromSeconds(1) };
            new EventLoopConnector(loops.Group).UseFor(handler);
            var client = new HttpMessageInvoker(handler);
            using var request = new HttpRequestMessage(HttpMethod.Get, address) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
            using var response = await client.SendAsync(request, CancellationToken.None).WaitAsync(Deadline.Default);
            Assert.Equal("answer", await response.Content.ReadAsStringAsync().WaitAsync(Deadline.Default));
        }

        static async Task<WebApplication> StartHttp2ServerAsync(TaskCompletionSource<bool> ended)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint =>
            {
                endpoint.Protocols = HttpProtocols.Http2;
                endpoint.Use(next => async connection =>
                {
                    await next(connection);
                    ended.SetResult(true);
                });
            }));
            var application = builder.Build();
            application.MapGet("/", static () => "answer");
            await application.StartAsync();
            return application;
        }
    }

    /// <summary>Opens a connection, uses it, and returns its other end.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<Socket> ConnectAndForgetAsync(LoopFixture loops, Socket peer, Func<Stream, Socket, Task> use)
    {
        var stream = await new EventLoopConnector(loops.Group).ConnectAsync(peer.LocalEndPoint!, CancellationToken.None);
        var accepted = await peer.AcceptAsync().WaitAsync(Deadline.Default);
        await use(stream, accepted);
        return accepted;
    }

    private static async Task ExchangeAsync(Stream stream, Socket accepted)
    {
        var read = stream.ReadAsync(new byte[1]).AsTask();
        await accepted.SendAsync("x"u8.ToArray());
        Assert.Equal(1, await read.WaitAsync(Deadline.Default));
        await stream.WriteAsync("y"u8.ToArray()).AsTask().WaitAsync(Deadline.Default);
        Assert.Equal(1, await accepted.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
    }

    /// <summary>Waits for a byte that it sends back, and is waited for by nobody.</summary>
    private static Task BeginEchoAsync(Stream stream, Socket accepted)
    {
        _ = EchoAsync(stream);
        return Task.CompletedTask;

        static async Task EchoAsync(Stream stream)
        {
            var buffer = new byte[1];
            await stream.ReadExactlyAsync(buffer);
            await stream.WriteAsync(buffer);
        }
    }

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }
}
