using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Transport.Linux.Tests;

/// <summary>Outgoing connections on the event loops.</summary>
public class EventLoopConnectorTests
{
    private static readonly byte[] s_payload = RandomNumberGenerator.GetBytes(3_000_000);

    [Fact]
    public async Task ConnectAsync_EchoInManySizes_BytesComeBackInOrder()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        await using var stream = await new EventLoopConnector(loops.Group).ConnectAsync(peer.LocalEndPoint!, CancellationToken.None);
        using var accepted = await peer.AcceptAsync();
        var echo = EchoAsync(accepted);
        var writing = WriteInPiecesAsync(stream);
        var received = new byte[s_payload.Length];
        await stream.ReadExactlyAsync(received).AsTask().WaitAsync(Deadline.Default);
        await writing;
        Assert.True(s_payload.AsSpan().SequenceEqual(received));
        await stream.DisposeAsync();
        await echo.WaitAsync(Deadline.Default);

        static async Task WriteInPiecesAsync(Stream stream)
        {
            for (var offset = 0; offset < s_payload.Length;)
            {
                var size = Math.Min(1 + (offset % 70_001), s_payload.Length - offset);
                await stream.WriteAsync(s_payload.AsMemory(offset, size));
                offset += size;
            }
        }
    }

    [Fact]
    public async Task ConnectAsync_NobodyListens_IsRefused()
    {
        using var loops = new LoopFixture();
        int port;
        using (var peer = Listen())
        {
            port = ((IPEndPoint)peer.LocalEndPoint!).Port;
        }

        var exception = await Assert.ThrowsAsync<SocketException>(
            () => new EventLoopConnector(loops.Group).ConnectAsync(new DnsEndPoint("127.0.0.1", port), CancellationToken.None).AsTask());
        Assert.Equal(SocketError.ConnectionRefused, exception.SocketErrorCode);
        Assert.Contains($"127.0.0.1:{port}", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ConnectAsync_NameWithSeveralAddresses_TriesTheNext()
    {
        using var loops = new LoopFixture();
        // localhost may have ::1, where nobody listens.
        using var peer = Listen();
        await using var stream = await new EventLoopConnector(loops.Group).ConnectAsync(
            new DnsEndPoint("localhost", ((IPEndPoint)peer.LocalEndPoint!).Port), CancellationToken.None);
        using var accepted = await peer.AcceptAsync().WaitAsync(Deadline.Default);
    }

    [Fact]
    public async Task ConnectToFirstAsync_FirstAddressDoesNotAnswer_TakesTheNextSoonAndLeavesNothingOfTheFirst()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        var port = ((IPEndPoint)peer.LocalEndPoint!).Port;
        using var blackHole = new BlackHole(new IPEndPoint(IPAddress.Parse("127.0.0.98"), port));
        var before = await loops.CountDescriptorsAsync();
        // The kernel gives up on the first after two minutes.
        await using var stream = await new EventLoopConnector(loops.Group)
            .ConnectToFirstAsync([IPAddress.Parse("127.0.0.98"), IPAddress.Loopback], port, CancellationToken.None).WaitAsync(Deadline.Default);
        using var accepted = await peer.AcceptAsync().WaitAsync(Deadline.Default);
        await stream.WriteAsync("x"u8.ToArray());
        Assert.Equal(1, await accepted.ReceiveAsync(new byte[8]).WaitAsync(Deadline.Default));
        await Deadline.UntilAsync(async () => await loops.CountDescriptorsAsync() == before + 1, static () => "an attempt that lost is registered still");
    }

    [Fact]
    public async Task ConnectToFirstAsync_FirstAddressRefuses_TakesTheNextAtOnceAndTheLastOneRefusingIsTheFailure()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        var port = ((IPEndPoint)peer.LocalEndPoint!).Port;
        var refusing = IPAddress.Parse("127.0.0.99");
        var connector = new EventLoopConnector(loops.Group);
        await using var stream = await connector.ConnectToFirstAsync([refusing, IPAddress.Loopback], port, CancellationToken.None).WaitAsync(Deadline.Default);
        using var accepted = await peer.AcceptAsync().WaitAsync(Deadline.Default);
        var exception = await Assert.ThrowsAsync<SocketException>(
            () => connector.ConnectToFirstAsync([refusing, refusing], port, CancellationToken.None).WaitAsync(Deadline.Default));
        Assert.Equal(SocketError.ConnectionRefused, exception.SocketErrorCode);
    }

    [Fact]
    public async Task ConnectAsync_UnixSocket_Connects()
    {
        using var loops = new LoopFixture();
        using var peer = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var address = new UnixDomainSocketEndPoint($"\0connector-{Guid.NewGuid():N}");
        peer.Bind(address);
        peer.Listen();
        await using var stream = await new EventLoopConnector(loops.Group).ConnectAsync(address, CancellationToken.None);
        using var accepted = await peer.AcceptAsync();
        accepted.Send("x"u8);
        Assert.Equal(1, await stream.ReadAsync(new byte[8]).AsTask().WaitAsync(Deadline.Default));
    }

    [Fact]
    public async Task ConnectAsync_PeerThatNeverAnswers_CanBeCancelled()
    {
        using var loops = new LoopFixture();
        using var blackHole = new BlackHole();
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => new EventLoopConnector(loops.Group).ConnectAsync(blackHole.EndPoint, cancellation.Token).AsTask().WaitAsync(Deadline.Default));
    }

    [Fact]
    public async Task ReadAsync_Cancelled_EndsAndTheNextReadGoesOn()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        await using var stream = await new EventLoopConnector(loops.Group).ConnectAsync(peer.LocalEndPoint!, CancellationToken.None);
        using var accepted = await peer.AcceptAsync();
        for (var i = 0; i < 50; i++)
        {
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(i % 5));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.ReadAsync(new byte[8], cancellation.Token).AsTask().WaitAsync(Deadline.Default));
        }

        accepted.Send("after"u8);
        var buffer = new byte[5];
        await stream.ReadExactlyAsync(buffer).AsTask().WaitAsync(Deadline.Default);
        Assert.Equal("after"u8, buffer);
    }

    [Fact]
    public async Task ReadAsync_EmptyBuffer_WaitsForBytesAndLeavesThem()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        await using var stream = await new EventLoopConnector(loops.Group).ConnectAsync(peer.LocalEndPoint!, CancellationToken.None);
        using var accepted = await peer.AcceptAsync();
        var empty = stream.ReadAsync(Memory<byte>.Empty).AsTask();
        await Task.Delay(20);
        Assert.False(empty.IsCompleted);
        accepted.Send("x"u8);
        Assert.Equal(0, await empty.WaitAsync(Deadline.Default));
        Assert.Equal(1, await stream.ReadAsync(new byte[8]).AsTask().WaitAsync(Deadline.Default));
    }

    [Fact]
    public async Task ReadAsync_PeerEnds_ReturnsWhatCameBeforeAndThenZero()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        for (var i = 0; i < 50; i++)
        {
            await using var stream = await new EventLoopConnector(loops.Group).ConnectAsync(peer.LocalEndPoint!, CancellationToken.None);
            using (var accepted = await peer.AcceptAsync())
            {
                accepted.Send("last"u8);
            }

            var buffer = new byte[64];
            Assert.Equal(4, await stream.ReadAtLeastAsync(buffer, 4).AsTask().WaitAsync(Deadline.Default));
            Assert.Equal(0, await stream.ReadAsync(buffer).AsTask().WaitAsync(Deadline.Default));
        }
    }

    [Fact]
    public async Task ReadAsync_PeerResets_Throws()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        await using var stream = await new EventLoopConnector(loops.Group).ConnectAsync(peer.LocalEndPoint!, CancellationToken.None);
        var accepted = await peer.AcceptAsync();
        var read = stream.ReadAsync(new byte[8]).AsTask();
        accepted.LingerState = new LingerOption(true, 0);
        accepted.Dispose();
        var exception = await Assert.ThrowsAsync<IOException>(() => read.WaitAsync(Deadline.Default));
        Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(exception.InnerException).SocketErrorCode);
    }

    [Fact]
    public async Task Dispose_ReadUnderWay_EndsIt()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        var stream = await new EventLoopConnector(loops.Group).ConnectAsync(peer.LocalEndPoint!, CancellationToken.None);
        using var accepted = await peer.AcceptAsync();
        var read = stream.ReadAsync(new byte[8]).AsTask();
        await stream.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => read.WaitAsync(Deadline.Default));
        Assert.Equal(0, await accepted.ReceiveAsync(new byte[8]).WaitAsync(Deadline.Default));
    }

    [Fact]
    public async Task WriteAsync_PeerDoesNotRead_WaitsAndCanBeCancelled()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        await using var stream = await new EventLoopConnector(loops.Group).ConnectAsync(peer.LocalEndPoint!, CancellationToken.None);
        using var accepted = await peer.AcceptAsync();
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            while (true)
            {
                await stream.WriteAsync(s_payload, cancellation.Token).AsTask().WaitAsync(Deadline.Default);
            }
        });
    }

    [Fact]
    public async Task UseFor_HttpClient_ServesManyRequestsAtOnceBothWays()
    {
        using var loops = new LoopFixture();
        await using var application = await StartServerAsync();
        using var handler = new SocketsHttpHandler();
        new EventLoopConnector(loops.Group).UseFor(handler);
        using var client = new HttpClient(handler) { BaseAddress = new Uri(application.Urls.Single()), Timeout = Deadline.Default };
        var expected = Convert.ToHexString(SHA256.HashData(s_payload));
        await Parallel.ForEachAsync(Enumerable.Range(0, 200), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, cancellationToken) =>
        {
            if (i % 10 == 0)
            {
                using var content = new ByteArrayContent(s_payload);
                content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
                using var response = await client.PostAsync(new Uri("/hash", UriKind.Relative), content, cancellationToken);
                Assert.Equal(expected, await response.Content.ReadAsStringAsync(cancellationToken));
                Assert.Equal(s_payload, await client.GetByteArrayAsync(new Uri("/payload", UriKind.Relative), cancellationToken));
            }

            Assert.Equal("small", await client.GetStringAsync(new Uri("/small", UriKind.Relative), cancellationToken));
        });
    }

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    private static async Task EchoAsync(Socket socket)
    {
        var buffer = new byte[50_000];
        while (await socket.ReceiveAsync(buffer) is > 0 and var count)
        {
            for (var sent = 0; sent < count;)
            {
                sent += await socket.SendAsync(buffer.AsMemory(sent, count - sent));
            }
        }
    }

    private static async Task<WebApplication> StartServerAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var application = builder.Build();
        application.MapGet("/small", static () => "small");
        application.MapGet("/payload", static () => Results.Bytes(s_payload));
        application.MapPost("/hash", static async (HttpRequest request) => Convert.ToHexString(await SHA256.HashDataAsync(request.Body)));
        await application.StartAsync();
        return application;
    }
}
