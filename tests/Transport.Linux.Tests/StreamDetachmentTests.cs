using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Transport.Linux.Tests;

/// <summary>Taking an outgoing connection out of the stream that reads it.</summary>
public class StreamDetachmentTests
{
    [Fact]
    public async Task DetachAsync_ContentOfAnHttpClientsUpgrade_GivesWhatTheClientHadBuffered()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        using var handler = new SocketsHttpHandler();
        new EventLoopConnector(loops.Group).UseFor(handler);
        using var client = new HttpMessageInvoker(handler);
        var request = new HttpRequestMessage(HttpMethod.Get, $"http://{peer.LocalEndPoint}/");
        request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        request.Headers.TryAddWithoutValidation("Upgrade", "test");
        var answering = client.SendAsync(request, CancellationToken.None);
        using var accepted = await peer.AcceptAsync().WaitAsync(Deadline.Default);
        var rest = new byte[16 * 1024];
        Assert.NotEqual(0, await accepted.ReceiveAsync(rest).WaitAsync(Deadline.Default));
        var buffered = new string('b', 10_000);
        accepted.Send(Encoding.ASCII.GetBytes($"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n{buffered}"));
        using var answer = await answering.WaitAsync(Deadline.Default);
        var content = await answer.Content.ReadAsStreamAsync();

        // The head of the answer may have come alone.
        var first = new byte[1];
        Assert.Equal(1, await content.ReadAsync(first).AsTask().WaitAsync(Deadline.Default));
        using var detached = await EventLoopConnector.DetachAsync(content);
        Assert.Equal(peer.LocalEndPoint, detached.RemoteEndPoint);
        content.Dispose();

        using var socket = new Socket(new SafeSocketHandle(detached.TakeDescriptor(), ownsHandle: true)) { Blocking = false };
        socket.Blocking = true;
        accepted.Send("later"u8);
        var received = new List<byte>([.. first, .. detached.UnreadBytes.Span]);
        while (received.Count < buffered.Length + 5)
        {
            var count = socket.Receive(rest);
            Assert.NotEqual(0, count);
            received.AddRange(rest.AsSpan(0, count));
        }

        Assert.Equal(buffered + "later", Encoding.ASCII.GetString([.. received]));
        socket.Send("answer"u8);
        Assert.Equal(6, await accepted.ReceiveAsync(rest).WaitAsync(Deadline.Default));
    }

    [Fact]
    public async Task DetachAsync_OwnStream_LeavesTheBytesInTheSocketAndTheStreamUnusable()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        await using var stream = await new EventLoopConnector(loops.Group).ConnectAsync(peer.LocalEndPoint!, CancellationToken.None);
        using var accepted = await peer.AcceptAsync().WaitAsync(Deadline.Default);
        accepted.Send("x"u8);
        using var detached = await EventLoopConnector.DetachAsync(stream);
        Assert.True(detached.UnreadBytes.IsEmpty);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => stream.ReadAsync(new byte[1]).AsTask().WaitAsync(Deadline.Default));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => EventLoopConnector.DetachAsync(stream).AsTask());
        await stream.DisposeAsync();

        using var socket = new Socket(new SafeSocketHandle(detached.TakeDescriptor(), ownsHandle: true)) { Blocking = false };
        socket.Blocking = true;
        Assert.Equal(1, socket.Receive(new byte[1]));
    }

    [Fact]
    public async Task DetachAsync_StreamThatHasEnded_Throws() =>
        await Assert.ThrowsAsync<IOException>(() => EventLoopConnector.DetachAsync(new MemoryStream([1, 2, 3])).AsTask());

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }
}
