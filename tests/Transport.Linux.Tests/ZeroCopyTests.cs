using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections;
using Testing.Faults;
using Transport.Linux.Interop;

namespace Transport.Linux.Tests;

/// <summary>
/// Sends that the kernel does not copy: the bytes stay where they are until it is done with them, whatever happens to the connection in between. The
/// memory pool overwrites what comes back to it, so a block that came back too early arrives as garbage.
/// </summary>
public class ZeroCopyTests
{
    private const string Sends = "transport.linux.zerocopy.sends";
    private const string Copied = "transport.linux.zerocopy.copied";

    // Below the default of MaxWriteBufferSize, so that a write of it does not wait; and far above SmallBuffer, which is
    // large enough to be filled without the kernel's waiting for a window that is worth it (RFC 9293, 3.8.6.2).
    private const int Stuck = 48 * 1024;
    private const int SmallBuffer = 16 * 1024;

    [RequiresNetworkNamespacesTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Write_BetweenNamespaces_ArrivesIntactAndIsCopiedOnlyWhereTheKernelMust(bool takesPacketsOver)
    {
        await using var cable = await VethPair.CreateAsync(takesPacketsOver);
        await using var pair = await ZeroCopyPair.CreateAsync(cable);
        var random = new Random(1);
        // Small ones in between: they go out in the ordinary way, behind others that are not finished.
        Assert.True(await pair.TransferAsync(Enumerable.Range(0, 200).Select(i => i % 3 == 0 ? random.Next(1, 500) : random.Next(1000, 200_000))));

        // The error queue was no error of the connection: both directions still work.
        await pair.Client.SendAsync(new byte[5]);
        var read = await pair.Server.Transport.Input.ReadAtLeastAsync(5).AsTask().WaitAsync(Deadline.Default);
        Assert.False(read.IsCompleted);
        pair.Server.Transport.Input.AdvanceTo(read.Buffer.End);
        Assert.DoesNotContain(pair.Log.Entries, static entry => entry.Id is 14 or 19);

        await pair.Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        Assert.Equal(0, await pair.Client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
        Assert.Equal(0, pair.Pool.Rented);
        await ConnectionPair.WaitUntilAsync(() => pair.Metrics.Sum("transport.linux.connections.closed") == 1);
        if (takesPacketsOver)
        {
            Assert.InRange(pair.Metrics.Sum(Sends), 100, int.MaxValue);
            Assert.Equal(0, pair.Metrics.Sum(Copied));
        }
        else
        {
            Assert.InRange(pair.Metrics.Sum(Copied), 1, pair.Metrics.Sum(Sends));
        }
    }

    [Fact]
    public async Task Write_OverLoopback_ArrivesIntactAndZeroCopyTurnsItselfOff()
    {
        await using var pair = await ZeroCopyPair.CreateAsync();
        const int Rounds = 200;
        for (var i = 0; i < Rounds; i++)
        {
            Assert.True(await pair.TransferAsync([Stuck]));
        }

        await pair.Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        await ConnectionPair.WaitUntilAsync(() => pair.Metrics.Sum("transport.linux.connections.closed") == 1);
        // The completion of the first comes when the loop gets round to it.
        Assert.InRange(pair.Metrics.Sum(Sends), 1, Rounds / 2);
        Assert.Equal(pair.Metrics.Sum(Sends), pair.Metrics.Sum(Copied));
        Assert.Equal(0, pair.Pool.Rented);
    }

    [Fact]
    public async Task Write_BelowTheThreshold_IsCopiedAsEver()
    {
        await using var pair = await ZeroCopyPair.CreateAsync();
        Assert.True(await pair.TransferAsync([100, 4096, (16 * 1024) - 1]));
        await pair.Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        await ConnectionPair.WaitUntilAsync(() => pair.Metrics.Sum("transport.linux.connections.closed") == 1);
        Assert.Equal(0, pair.Metrics.Sum(Sends));
    }

    [RequiresNetworkNamespacesTheory]
    [InlineData("1")]
    public async Task Write_KernelHasNoRoomForCompletions_GoesOutInTheOrdinaryWay(string optmemMax)
    {
        await using var network = await NetworkNamespace.CreateAsync();
        // A setting of the namespace since Linux 6.8; before it, of the machine, and read-only here.
        Assert.True(await network.RunAsync(() => TryWrite("/proc/sys/net/core/optmem_max", optmemMax)));
        await using var pair = await ZeroCopyPair.CreateAsync(network);
        Assert.True(await pair.TransferAsync([Stuck, 300_000]));
        await pair.Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        await ConnectionPair.WaitUntilAsync(() => pair.Metrics.Sum("transport.linux.connections.closed") == 1);
        Assert.Equal(0, pair.Metrics.Sum(Sends));
    }

    [NotUnderFaults("a short send reaches the peer, and loopback copies what arrives, which ends sending without a copy")]
    [Fact]
    public async Task DisposeAsync_PeerHasNotReadYet_KeepsTheBuffersUntilItHas()
    {
        await using var pair = await ZeroCopyPair.CreateAsync(SmallBuffer);
        var expected = await WriteStuckAsync(pair);
        var disposal = pair.Server.DisposeAsync().AsTask();
        Assert.NotSame(disposal, await Task.WhenAny(disposal, Task.Delay(100)));
        Assert.NotEqual(0, pair.Pool.Rented);
        Assert.Equal(expected, await pair.ReceiveHashAsync(Stuck).WaitAsync(Deadline.Default));
        Assert.Equal(0, await pair.Client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
        await disposal.WaitAsync(Deadline.Default);
        Assert.Equal(0, pair.Pool.Rented);
    }

    [Fact]
    public async Task DisposeAsync_PeerNeverReads_ResetsTheConnectionInTheEnd()
    {
        await using var pair = await ZeroCopyPair.CreateAsync(SmallBuffer, static options => options.ZeroCopyLingerTimeout = TimeSpan.FromMilliseconds(200));
        await WriteStuckAsync(pair);
        await pair.Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        Assert.Equal(0, pair.Pool.Rented);
        Assert.Equal(SocketError.ConnectionReset, await ReceiveUntilErrorAsync(pair.Client));
        Assert.Contains(pair.Log.Entries, static entry => entry.Id == 8 && entry.Text.Contains("has not acknowledged", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Abort_SendsOutstanding_ResetsAtOnceAndReturnsTheBuffers()
    {
        await using var pair = await ZeroCopyPair.CreateAsync(SmallBuffer);
        await WriteStuckAsync(pair);
        pair.Server.Abort(new ConnectionAbortedException("on purpose"));
        await pair.Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        Assert.Equal(0, pair.Pool.Rented);
        Assert.Equal(SocketError.ConnectionReset, await ReceiveUntilErrorAsync(pair.Client));
    }

    [Fact]
    public async Task Abort_WhileTheDisposalWaitsForThePeer_EndsTheWait()
    {
        await using var pair = await ZeroCopyPair.CreateAsync(SmallBuffer);
        await WriteStuckAsync(pair);
        var disposal = pair.Server.DisposeAsync().AsTask();
        Assert.NotSame(disposal, await Task.WhenAny(disposal, Task.Delay(50)));
        pair.Server.Abort();
        await disposal.WaitAsync(Deadline.Default);
        Assert.Equal(0, pair.Pool.Rented);
        Assert.Equal(SocketError.ConnectionReset, await ReceiveUntilErrorAsync(pair.Client));
    }

    [Fact]
    public async Task ClientRst_SendsOutstanding_ReturnsTheBuffers()
    {
        await using var pair = await ZeroCopyPair.CreateAsync(SmallBuffer);
        await WriteStuckAsync(pair);
        pair.Client.LingerState = new LingerOption(true, 0);
        pair.Client.Close();
        await Assert.ThrowsAsync<ConnectionResetException>(() => pair.Server.Transport.Input.ReadAsync().AsTask().WaitAsync(Deadline.Default));
        await pair.Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        Assert.Equal(0, pair.Pool.Rented);
    }

    [Fact]
    public async Task ClientRst_WhileAWriteWaits_EndsTheWriteAndReturnsTheBuffers()
    {
        await using var pair = await ZeroCopyPair.CreateAsync(SmallBuffer);
        var write = Task.Run(async () =>
        {
            while (!(await pair.Server.Transport.Output.WriteAsync(new byte[100_000])).IsCompleted)
            {
            }
        });
        await ConnectionPair.WaitUntilAsync(() => pair.Client.Available > 0);
        pair.Client.LingerState = new LingerOption(true, 0);
        pair.Client.Close();
        // Without an exception, as on Kestrel's socket transport: the reader's end is what the application learns.
        await write.WaitAsync(Deadline.Default);
        await pair.Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        Assert.Equal(0, pair.Pool.Rented);
    }

    [Fact]
    public async Task DetachAsync_SendsOutstanding_WaitsForThemAndLeavesNoErrorBehind()
    {
        await using var pair = await ZeroCopyPair.CreateAsync(SmallBuffer);
        var expected = await WriteStuckAsync(pair);
        var detachment = pair.Server.Features.Get<IConnectionDetachFeature>()!.DetachAsync().AsTask();
        Assert.NotSame(detachment, await Task.WhenAny(detachment, Task.Delay(100)));
        Assert.Equal(expected, await pair.ReceiveHashAsync(Stuck).WaitAsync(Deadline.Default));
        using var detached = await detachment.WaitAsync(Deadline.Default);
        using var socket = new Socket(new SafeSocketHandle((nint)detached.TakeDescriptor(), ownsHandle: true));
        Assert.False(socket.Poll(0, SelectMode.SelectError));
        await socket.SendAsync("still open"u8.ToArray());
        Assert.Equal(SHA256.HashData("still open"u8), await pair.ReceiveHashAsync(10).WaitAsync(Deadline.Default));
        Assert.Equal(0, pair.Pool.Rented);
    }

    [Fact]
    public async Task DetachAsync_AbortedWhileSendsAreOutstanding_Throws()
    {
        await using var pair = await ZeroCopyPair.CreateAsync(SmallBuffer);
        await WriteStuckAsync(pair);
        var detachment = pair.Server.Features.Get<IConnectionDetachFeature>()!.DetachAsync().AsTask();
        pair.Server.Abort(new ConnectionAbortedException("on purpose"));
        await Assert.ThrowsAsync<ConnectionAbortedException>(() => detachment.WaitAsync(Deadline.Default));
        await pair.Server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
        Assert.Equal(0, pair.Pool.Rented);
        Assert.Equal(SocketError.ConnectionReset, await ReceiveUntilErrorAsync(pair.Client));
    }

    [Fact]
    public async Task Write_OverAUnixSocket_IsNotAffected()
    {
        using var loops = new LoopFixture(static options => options.ZeroCopySendThreshold = 4096);
        var endPoint = new UnixDomainSocketEndPoint($"\0{Guid.NewGuid():N}");
        await using var listener = await loops.BindAsync(endPoint);
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(endPoint);
        var server = (await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default))!;
        await server.Transport.Output.WriteAsync(new byte[Stuck]).AsTask().WaitAsync(Deadline.Default);
        await server.DisposeAsync().AsTask().WaitAsync(Deadline.Default);
    }

    /// <summary>Writes more than the client's buffer takes; the rest waits in the server's socket. Returns the hash.</summary>
    private static async Task<byte[]> WriteStuckAsync(ZeroCopyPair pair)
    {
        var bytes = RandomNumberGenerator.GetBytes(Stuck);
        await pair.Server.Transport.Output.WriteAsync(bytes).AsTask().WaitAsync(Deadline.Default);
        await ConnectionPair.WaitUntilAsync(() => pair.Client.Available > 0);
        return SHA256.HashData(bytes);
    }

    private static async Task<SocketError> ReceiveUntilErrorAsync(Socket client)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await client.ReceiveAsync(buffer).WaitAsync(Deadline.Default) > 0)
            {
            }

            return SocketError.Success;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode;
        }
    }

    private static bool TryWrite(string file, string text)
    {
        try
        {
            File.WriteAllText(file, text);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
