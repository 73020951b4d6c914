using System.Diagnostics.Metrics;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Transport.Linux.Tests;

/// <summary>Taking a connection out of Kestrel.</summary>
public class DetachTests
{
    [Fact]
    public async Task DetachAsync_BytesReadButNotConsumed_ComeInOrderAndTheRestStaysInTheSocket()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        await pair.Client.SendAsync("consumed-unread"u8.ToArray());
        var input = pair.Server.Transport.Input;
        var result = await input.ReadAtLeastAsync(15);
        input.AdvanceTo(result.Buffer.GetPosition(9), result.Buffer.End);

        using var detached = await DetachAsync(pair.Server);
        Assert.Equal("unread", Encoding.ASCII.GetString(detached.UnreadBytes.Span));
        Assert.Equal(pair.Client.LocalEndPoint, detached.RemoteEndPoint);
        Assert.Equal(pair.Client.RemoteEndPoint, detached.LocalEndPoint);

        await pair.Client.SendAsync("later"u8.ToArray());
        using var socket = TakeSocket(detached);
        var later = new byte[5];
        for (var received = 0; received < 5;)
        {
            received += socket.Receive(later, received, 5 - received, SocketFlags.None);
        }

        Assert.Equal("later"u8.ToArray(), later);
        socket.Send("answer"u8);
        Assert.Equal("answer"u8.ToArray(), await pair.ReceiveAsync(6));
        Assert.Throws<InvalidOperationException>(() => detached.TakeDescriptor());
    }

    [Fact]
    public async Task DetachAsync_WhileBytesArrive_LosesAndRepeatsNone()
    {
        for (var round = 0; round < 50; round++)
        {
            await using var pair = await ConnectionPair.CreateAsync();
            const int Total = 300_000;
            var send = Task.Run(async () =>
            {
                var data = new byte[Total];
                for (var i = 0; i < Total; i++)
                {
                    data[i] = (byte)(i % 251);
                }

                for (var sent = 0; sent < Total;)
                {
                    sent += await pair.Client.SendAsync(data.AsMemory(sent, Math.Min(1 + Random.Shared.Next(5_000), Total - sent)));
                }
            });
            var input = pair.Server.Transport.Input;
            var seen = 0;
            for (var reads = Random.Shared.Next(4); reads > 0; reads--)
            {
                var result = await input.ReadAsync();
                var take = Random.Shared.Next((int)result.Buffer.Length + 1);
                seen += take;
                input.AdvanceTo(result.Buffer.GetPosition(take));
            }

            using var detached = await DetachAsync(pair.Server);
            using var socket = TakeSocket(detached);
            foreach (var value in detached.UnreadBytes.Span)
            {
                Assert.Equal((byte)(seen++ % 251), value);
            }

            var buffer = new byte[8_192];
            while (seen < Total)
            {
                var received = socket.Receive(buffer);
                Assert.NotEqual(0, received);
                for (var i = 0; i < received; i++)
                {
                    Assert.Equal((byte)(seen++ % 251), buffer[i]);
                }
            }

            await send;
        }
    }

    [Fact]
    public async Task DetachAsync_OutputWrittenBefore_IsSentFirst()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        _ = pair.Server.Transport.Output.WriteAsync(new byte[5_000_000]).AsTask();
        var detaching = DetachAsync(pair.Server);
        Assert.Equal(new byte[5_000_000], await pair.ReceiveAsync(5_000_000));
        using var detached = await detaching;
        Assert.True(detached.UnreadBytes.IsEmpty);
    }

    [Fact]
    public async Task DetachAsync_ReceivingWasPaused_GivesAllThatWasRead()
    {
        await using var pair = await ConnectionPair.CreateAsync(static options => options.MaxReadBufferSize = 16 * 1024);
        var sent = await pair.FillAsync();
        using var detached = await DetachAsync(pair.Server);
        Assert.InRange(detached.UnreadBytes.Length, 16 * 1024, 32 * 1024);
        pair.Client.Shutdown(SocketShutdown.Send);
        using var socket = TakeSocket(detached);
        long rest = 0;
        var buffer = new byte[65_536];
        for (int received; (received = socket.Receive(buffer)) > 0;)
        {
            rest += received;
        }

        Assert.Equal(sent, detached.UnreadBytes.Length + rest);
    }

    [Fact]
    public async Task DetachAsync_Twice_Throws()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        using var detached = await DetachAsync(pair.Server);
        await Assert.ThrowsAsync<InvalidOperationException>(() => DetachAsync(pair.Server));
    }

    [Fact]
    public async Task DetachAsync_ClientHasReset_ThrowsAndClosesTheDescriptor()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        pair.Client.LingerState = new LingerOption(true, 0);
        pair.Client.Close();
        await pair.WaitForClosedAsync();
        await Assert.ThrowsAsync<ConnectionResetException>(() => DetachAsync(pair.Server));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DetachAsync_ConnectionIsClosed_Throws(bool isAborted)
    {
        await using var pair = await ConnectionPair.CreateAsync();
        if (isAborted)
        {
            pair.Server.Abort();
        }
        else
        {
            await pair.Server.Transport.Output.CompleteAsync();
        }

        // FIN or RST: the descriptor is closed.
        await Task.WhenAny(pair.Client.ReceiveAsync(new byte[1])).WaitAsync(Deadline.Default);
        await Assert.ThrowsAsync<ConnectionAbortedException>(() => DetachAsync(pair.Server));
    }

    // The send loop ends by itself meanwhile, which closes the connection or hands it over: one of the two, and the other one is not waited for.
    [Fact]
    public async Task DetachAsync_WhileTheConnectionIsClosed_DetachesOrThrows()
    {
        for (var round = 0; round < 200; round++)
        {
            await using var pair = await ConnectionPair.CreateAsync();
            var closing = Task.Run(() => pair.Server.Abort());
            try
            {
                using var detached = await DetachAsync(pair.Server);
                TakeSocket(detached).Dispose();
            }
            catch (ConnectionAbortedException)
            {
                // Closed first.
            }

            await closing;
        }
    }

    [Fact]
    public async Task DetachAsync_AfterClientFin_HandsTheEndOver()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        await pair.Client.SendAsync("bye"u8.ToArray());
        pair.Client.Shutdown(SocketShutdown.Send);
        await pair.WaitForClosedAsync();
        using var detached = await DetachAsync(pair.Server);
        Assert.Equal("bye"u8.ToArray(), detached.UnreadBytes.ToArray());
        using var socket = TakeSocket(detached);
        Assert.Equal(0, socket.Receive(new byte[1]));
    }

    [Fact]
    public async Task CanDetach_IsFalseUnderAnotherStreamAndAfterwards()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        var feature = pair.Server.Features.Get<IConnectionDetachFeature>()!;
        Assert.True(feature.CanDetach);
        var transport = pair.Server.Transport;
        pair.Server.Transport = new OtherTransport(transport.Input, transport.Output);
        Assert.False(feature.CanDetach);
        pair.Server.Transport = transport;
        using var detached = await DetachAsync(pair.Server);
        Assert.False(feature.CanDetach);
    }

    [Fact]
    public async Task ConnectionClosed_AfterDetaching_FiresWithTheDisposalOnly()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        using var detached = await DetachAsync(pair.Server);
        Assert.False(pair.Server.ConnectionClosed.IsCancellationRequested);
        detached.Dispose();
        Assert.True(pair.Server.ConnectionClosed.IsCancellationRequested);
    }

    [Fact]
    public async Task Abort_AfterDetaching_FiresConnectionClosedAndLeavesTheDescriptor()
    {
        await using var pair = await ConnectionPair.CreateAsync();
        using var detached = await DetachAsync(pair.Server);
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = pair.Server.ConnectionClosed.Register(closed.SetResult);
        pair.Server.Abort();
        await closed.Task.WaitAsync(Deadline.Default);
        using var socket = TakeSocket(detached);
        socket.Send("alive"u8);
        Assert.Equal("alive"u8.ToArray(), await pair.ReceiveAsync(5));
    }

    [Fact]
    public async Task Kestrel_ConnectionDetachedByMiddleware_CountsItAsCompletedAndLogsNoError()
    {
        var log = new RecordingLoggerFactory();
        var detached = new TaskCompletionSource<DetachedConnection>(TaskCreationOptions.RunContinuationsAsynchronously);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Trace);
        builder.WebHost.UseLinuxZeroCopyTransport(static options => options.ThreadCount = 2);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Use(_ => async connection =>
            detached.SetResult(await connection.Features.Get<IConnectionDetachFeature>()!.DetachAsync()))));
        await using var app = builder.Build();
        var meters = app.Services.GetRequiredService<IMeterFactory>();
        using var active = new ActiveConnections(meters);
        await app.StartAsync();

        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, new Uri(app.Urls.Single()).Port);
        using var connection = await detached.Task.WaitAsync(Deadline.Default);
        Assert.True(await Task.Run(() => SpinWait.SpinUntil(() => active.Started == 1 && active.Current == 0, Deadline.Default)));

        // The host stops at once although the client is still connected: Kestrel has let go of it.
        await app.StopAsync().WaitAsync(Deadline.Default);
        Assert.DoesNotContain(log.Entries, static entry => entry.Level >= LogLevel.Warning);
        await client.GetStream().WriteAsync("x"u8.ToArray());
        using var socket = TakeSocket(connection);
        var received = new byte[1];
        Assert.Equal(1, socket.Receive(received));
        Assert.Equal("x"u8.ToArray(), received);
    }

    private static Socket TakeSocket(DetachedConnection detached)
    {
        // The descriptor is non-blocking and Socket takes it for blocking: only a change is passed on to the kernel.
        var socket = new Socket(new SafeSocketHandle(detached.TakeDescriptor(), ownsHandle: true)) { Blocking = false };
        socket.Blocking = true;
        return socket;
    }

    private static Task<DetachedConnection> DetachAsync(ConnectionContext connection) =>
        connection.Features.Get<IConnectionDetachFeature>()!.DetachAsync().AsTask().WaitAsync(Deadline.Default);

    private sealed class OtherTransport(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }

    private sealed class ActiveConnections : IDisposable
    {
        private readonly MeterListener _listener = new();
        private long _current;
        private long _started;

        public ActiveConnections(IMeterFactory meters)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "kestrel.active_connections" && instrument.Meter.Scope == meters)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, value, _, _) =>
            {
                Interlocked.Add(ref _current, value);
                if (value > 0)
                {
                    Interlocked.Increment(ref _started);
                }
            });
            _listener.Start();
        }

        public long Current => Interlocked.Read(ref _current);

        public long Started => Interlocked.Read(ref _started);

        public void Dispose() => _listener.Dispose();
    }
}
