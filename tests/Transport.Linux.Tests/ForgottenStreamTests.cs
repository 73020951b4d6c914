using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Transport.Linux.Tests;

/// <summary>Outgoing connections that their owner forgets without disposing of them, as YARP does with an HTTP client whose settings have changed.</summary>
public class ForgottenStreamTests
{
    [Fact]
    public async Task Stream_NobodyHoldsIt_IsClosedAndItsRegistrationEnds()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        var before = await CountDescriptorsAsync(loops);
        using var accepted = await ConnectAndForgetAsync(loops, peer, ExchangeAsync);
        await AssertCollectedAsync(accepted);
        await Deadline.UntilAsync(async () => await CountDescriptorsAsync(loops) == before, static () => "a connection that is closed is registered still");
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
        await AssertCollectedAsync(accepted);
    }

    [Fact]
    public async Task Stream_OnlyItsPendingReadHoldsIt_ServesTheReadAndIsClosedThen()
    {
        using var loops = new LoopFixture();
        using var peer = Listen();
        using var accepted = await ConnectAndForgetAsync(loops, peer, BeginEchoAsync);
        for (var i = 0; i < 5; i++)
        {
            Collect();
        }

        await accepted.SendAsync("x"u8.ToArray());
        Assert.Equal(1, await accepted.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
        await AssertCollectedAsync(accepted);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stream_ForgottenWithItsLoopsAfterTheirEnd_IsClosed(bool isReading)
    {
        using var peer = Listen();
        using var accepted = await RunLoopsAsync(peer, isReading);
        await AssertCollectedAsync(accepted);

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
            Collect();
        }

        using (detached)
        {
            using var socket = new Socket(new SafeSocketHandle(detached!.TakeDescriptor(), ownsHandle: true)) { Blocking = false };
            socket.Send("x"u8);
            Assert.Equal(1, await accepted.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
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

    private static async Task AssertCollectedAsync(Socket accepted)
    {
        var end = accepted.ReceiveAsync(new byte[1]);
        await Deadline.UntilAsync(
            () =>
            {
                Collect();
                return Task.FromResult(end.IsCompleted);
            },
            static () => "a connection that nobody holds is open still");
        Assert.Equal(0, await end);
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    private static async Task<int> CountDescriptorsAsync(LoopFixture loops)
    {
        var counts = await Task.WhenAll(loops.Group.Loops.Select(static loop => LoopFixture.OnLoop(loop, () => loop.RegisteredDescriptors)));
        return counts.Sum();
    }

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }
}
