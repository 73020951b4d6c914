using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Transport.Linux.Connections;

namespace Transport.Linux.Tests;

/// <summary>One connection as Kestrel sees it, over real sockets: pipes, ends, limits, features.</summary>
public class ConnectionTests
{
    [Fact]
    public async Task Transport_BytesBothWays_ArriveInOrder()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        await pair.Client.SendAsync("ping"u8.ToArray());
        Assert.Equal("ping", await pair.ReadTextAsync(4));
        await pair.Server.Transport.Output.WriteAsync("pong"u8.ToArray());
        Assert.Equal("pong"u8.ToArray(), await pair.ReceiveAsync(4));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Transport_LargeTransferBothWays_IsIntact(bool inline)
    {
        const int Size = 64 * 1024 * 1024;
        await using var pair = await ConnectionPair.CreateAsync(options => options.UnsafePreferInlineScheduling = inline);
        var payload = RandomNumberGenerator.GetBytes(Size);
        var echo = Task.Run(async () =>
        {
            var (input, output) = (pair.Server.Transport.Input, pair.Server.Transport.Output);
            while (true)
            {
                var result = await input.ReadAsync();
                foreach (var segment in result.Buffer)
                {
                    await output.WriteAsync(segment);
                }

                input.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    break;
                }
            }

            await output.CompleteAsync();
        });
        var send = Task.Run(async () =>
        {
            for (var sent = 0; sent < Size;)
            {
                sent += await pair.Client.SendAsync(payload.AsMemory(sent, Math.Min(100_003, Size - sent)));
            }

            pair.Client.Shutdown(SocketShutdown.Send);
        });
        var received = await pair.ReceiveAsync(Size);
        await Task.WhenAll(send, echo).WaitAsync(Deadline.Default);
        Assert.True(received.AsSpan().SequenceEqual(payload));
        Assert.Equal(0, await pair.Client.ReceiveAsync(new byte[1]));
    }

    [Fact]
    public async Task ClientFin_InputCompletesAndConnectionClosedFires_ButWritesContinue()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        await pair.Client.SendAsync("last"u8.ToArray());
        pair.Client.Shutdown(SocketShutdown.Send);

        Assert.Equal("last", await pair.ReadTextAsync(4));
        Assert.True((await pair.Server.Transport.Input.ReadAsync()).IsCompleted);
        await pair.WaitForClosedAsync();
        await pair.Server.Transport.Output.WriteAsync("still here"u8.ToArray());
        Assert.Equal("still here"u8.ToArray(), await pair.ReceiveAsync(10));
        Assert.Contains(pair.Log, static entry => entry.Id == 6);
    }

    [Fact]
    public async Task OutputComplete_ClientGetsEverythingThenFin()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        var payload = RandomNumberGenerator.GetBytes(3_000_000);
        var write = Task.Run(async () =>
        {
            await pair.Server.Transport.Output.WriteAsync(payload);
            await pair.Server.Transport.Output.CompleteAsync();
        });
        Assert.Equal(payload, await pair.ReceiveAsync(payload.Length));
        Assert.Equal(0, await pair.Client.ReceiveAsync(new byte[1]));
        await write;
        Assert.Contains(pair.Log, static entry => entry.Id == 7);
    }

    [Fact]
    public async Task Abort_ClientGetsRst()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        pair.Server.Abort(new ConnectionAbortedException("on purpose"));
        var exception = await Assert.ThrowsAsync<SocketException>(() => pair.Client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
        Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
        await pair.WaitForClosedAsync();
        Assert.Contains(pair.Log, static entry => entry.Id == 8 && entry.Text.Contains("on purpose", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Abort_WhileAWriteWaitsForAStalledReader_EndsTheWriteAndResets()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        var write = Task.Run(async () =>
        {
            FlushResult result;
            do
            {
                result = await pair.Server.Transport.Output.WriteAsync(new byte[100_000]);
            }
            while (!result.IsCompleted);
        });
        // The socket is full once the pipe is: then a flush stays pending.
        await ConnectionPair.WaitUntilAsync(() => pair.UnreadAtClient() > 0);
        pair.Server.Abort();
        await write.WaitAsync(Deadline.Default);
        await pair.Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
    }

    [Fact]
    public async Task ClientRst_ReadThrowsConnectionReset()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        pair.Client.LingerState = new LingerOption(true, 0);
        pair.Client.Close();
        await Assert.ThrowsAsync<ConnectionResetException>(() => pair.Server.Transport.Input.ReadAsync().AsTask().WaitAsync(Deadline.Default));
        await pair.WaitForClosedAsync();
        Assert.Contains(pair.Log, static entry => entry.Id == 19);
    }

    [Fact]
    public async Task ClientRst_WhileReceivingIsPaused_StillFiresConnectionClosed()
    {
        await using var pair = await ConnectionPair.CreateAsync(static options => options.MaxReadBufferSize = 4096);
        await pair.FillAsync();
        pair.Client.LingerState = new LingerOption(true, 0);
        pair.Client.Close();
        await pair.WaitForClosedAsync();
    }

    [Fact]
    public async Task MaxReadBufferSize_ApplicationReadsNothing_StopsTheSenderAndLosesNothing()
    {
        await using var pair = await ConnectionPair.CreateAsync(static options => options.MaxReadBufferSize = 64 * 1024);
        var sent = await pair.FillAsync();
        Assert.Contains(pair.Log, static entry => entry.Id == 4);
        pair.Client.Shutdown(SocketShutdown.Send);

        long received = 0;
        var peak = 0L;
        while (true)
        {
            var result = await pair.Server.Transport.Input.ReadAsync().AsTask().WaitAsync(Deadline.Default);
            peak = Math.Max(peak, result.Buffer.Length);
            foreach (var segment in result.Buffer)
            {
                foreach (var value in segment.Span)
                {
                    Assert.Equal((byte)received++, value);
                }
            }

            pair.Server.Transport.Input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                break;
            }
        }

        Assert.Equal(sent, received);
        // The pipe's limit, and the block that was being filled when it was reached.
        Assert.InRange(peak, 1, (64 + 8) * 1024);
        Assert.Contains(pair.Log, static entry => entry.Id == 5);
    }

    [Fact]
    public async Task MaxWriteBufferSize_ClientReadsNothing_FlushWaits()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        ValueTask<FlushResult> flush;
        long written = 0;
        do
        {
            written += 32 * 1024;
            flush = pair.Server.Transport.Output.WriteAsync(new byte[32 * 1024]);
        }
        while (flush.IsCompleted && written < 1_000_000_000);

        Assert.False(flush.IsCompleted);
        var received = 0L;
        var buffer = new byte[1 << 20];
        while (received < written)
        {
            received += await pair.Client.ReceiveAsync(buffer);
        }

        Assert.False((await flush.AsTask().WaitAsync(Deadline.Default)).IsCanceled);
    }

    [Fact]
    public async Task DisposeAsync_MiddlewareReplacedTheTransport_ClosesTheConnection()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        var replacement = new Pipe();
        pair.Server.Transport = new Duplex(replacement.Reader, replacement.Writer);
        await pair.Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        Assert.Equal(0, await pair.Client.ReceiveAsync(new byte[1]));
    }

    [Fact]
    public async Task Features_OfTheTransport_ArePresentAndReplaceable()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        var features = pair.Server.Features;
        Assert.Equal(pair.Server.ConnectionId, features.Get<IConnectionIdFeature>()!.ConnectionId);
        Assert.Matches("^[0-9A-V]{13}$", pair.Server.ConnectionId);
        Assert.Same(pair.Server.Transport, features.Get<IConnectionTransportFeature>()!.Transport);
        Assert.NotNull(features.Get<IMemoryPoolFeature>()!.MemoryPool);
        Assert.Equal(pair.Server.ConnectionClosed, features.Get<IConnectionLifetimeFeature>()!.ConnectionClosed);
        features.Get<IConnectionItemsFeature>()!.Items["key"] = "value";
        Assert.Equal("value", pair.Server.Items["key"]);
        Assert.Equal(pair.Client.LocalEndPoint, features.Get<IConnectionEndPointFeature>()!.RemoteEndPoint);
        Assert.Equal(pair.Client.RemoteEndPoint, pair.Server.LocalEndPoint);
        var socket = features.Get<IConnectionSocketFeature>()!.Socket;
        Assert.Equal(pair.Client.LocalEndPoint, socket.RemoteEndPoint);
        Assert.NotEqual(0, (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.NoDelay)!);

        Assert.Null(features.Get<IThirdParty>());
        var added = new ThirdParty();
        features.Set<IThirdParty>(added);
        Assert.Same(added, features.Get<IThirdParty>());
        features.Set<IConnectionSocketFeature>(null);
        Assert.Null(features.Get<IConnectionSocketFeature>());
        Assert.Contains(features, entry => entry.Key == typeof(IThirdParty) && entry.Value == added);
        Assert.DoesNotContain(features, static entry => entry.Key == typeof(IConnectionSocketFeature));
    }

    [Fact]
    public async Task UnbindAsync_ConnectionsNotYetTaken_AreStillHandedOut()
    {
        using var loops = new LoopFixture();
        var listener = await loops.BindAsync();
        var clients = new List<TcpClient>();
        for (var i = 0; i < 20; i++)
        {
            var client = new TcpClient();
            await client.ConnectAsync((IPEndPoint)listener.EndPoint);
            clients.Add(client);
        }

        await listener.UnbindAsync().AsTask().WaitAsync(Deadline.Default);
        for (var i = 0; i < 20; i++)
        {
            var connection = await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default);
            Assert.NotNull(connection);
            await connection.DisposeAsync();
        }

        Assert.Null(await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default));
        await listener.DisposeAsync();
        clients.ForEach(static client => client.Dispose());
    }

    private interface IThirdParty;

    private sealed class ThirdParty : IThirdParty;

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
