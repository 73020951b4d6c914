using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Transport.Linux.Connections;

namespace Transport.Linux.Tests;

/// <summary>A peer that takes nothing of what is sent loses its connection; one that takes little keeps it.</summary>
public class SendTimeoutTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task PeerThatReadsNothing_IsResetNotBeforeTheDeadline()
    {
        using var readings = new MetricReadings();
        using var loops = new LoopFixture(static options => (options.ThreadCount, options.SendTimeout) = (1, s_timeout), readings.Factory);
        await using var listener = await loops.BindAsync();
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.EndPoint).WaitAsync(Deadline.Default);
        await using var server = (await listener.AcceptAsync().AsTask().WaitAsync(Deadline.Default))!;

        var startedAt = Stopwatch.GetTimestamp();
        await WriteUntilOverAsync(server).WaitAsync(Deadline.Default);
        Assert.True(Stopwatch.GetElapsedTime(startedAt) >= s_timeout, $"over after {Stopwatch.GetElapsedTime(startedAt)}");
        await Assert.ThrowsAsync<ConnectionAbortedException>(() => server.Transport.Input.ReadAsync().AsTask().WaitAsync(Deadline.Default));
        Assert.Equal(SocketError.ConnectionReset, await Task.Run(() => ReceiveToEnd(client)).WaitAsync(Deadline.Default));
        Assert.Contains(loops.Log.Entries, static entry => entry.Id == 115);
        await LoopFixture.OnLoop(loops.Group.Loops[0], static () => true);
        readings.Collect();
        Assert.Equal(1, readings.Of("transport.linux.connections.send_timeouts", 0));
    }

    [Fact]
    public async Task SilenceBehindAStall_IsNoStall()
    {
        // Long enough for a machine that stands still before the client reads.
        var timeout = TimeSpan.FromSeconds(5);
        await using var pair = await ConnectionPair.CreateAsync(options => options.SendTimeout = timeout);
        var flush = FillAsync(pair.Server.Transport.Output, out var written);
        await pair.ReceiveAsync(written);
        await flush.WaitAsync(Deadline.Default);
        await Task.Delay(timeout * 1.5);
        await pair.Server.Transport.Output.WriteAsync("still here"u8.ToArray());
        await pair.ReceiveAsync(10);
    }

    [Fact]
    public async Task Zero_IsNoLimit()
    {
        await using var pair = await ConnectionPair.CreateAsync(static options => options.SendTimeout = TimeSpan.Zero);
        var flush = FillAsync(pair.Server.Transport.Output, out var written);
        await Task.Delay(2 * s_timeout);
        Assert.False(flush.IsCompleted);
        await pair.ReceiveAsync(written);
        await flush.WaitAsync(Deadline.Default);
    }

    [Fact]
    public void HasStalled_WhileThePeerTakesAnything_IsFalse()
    {
        var progress = new SendProgress(sent: 5000, unacknowledged: 4000, nowMs: 0);
        // The socket reports no room all that time; each of these comes just before the deadline.
        Assert.False(progress.HasStalled(5000, 3999, 999, s_timeout));
        Assert.False(progress.HasStalled(5000, 3998, 1998, s_timeout));
        Assert.False(progress.HasStalled(6000, 4998, 2997, s_timeout));
        Assert.False(progress.HasStalled(6000, 4998, 3996, s_timeout));
        Assert.True(progress.HasStalled(6000, 4998, 3997, s_timeout));
    }

    private static async Task WriteUntilOverAsync(ConnectionContext connection)
    {
        var bytes = new byte[100_000];
        while (!(await connection.Transport.Output.WriteAsync(bytes)).IsCompleted)
        {
        }
    }

    /// <summary>Writes until a flush has to wait for the client.</summary>
    private static Task<FlushResult> FillAsync(PipeWriter output, out int written)
    {
        ValueTask<FlushResult> flush;
        written = 0;
        do
        {
            written += 32 * 1024;
            flush = output.WriteAsync(new byte[32 * 1024]);
        }
        while (flush.IsCompleted);
        return flush.AsTask();
    }

    private static SocketError ReceiveToEnd(Socket socket)
    {
        var buffer = new byte[1 << 20];
        SocketError error;
        while (socket.Receive(buffer, SocketFlags.None, out error) > 0)
        {
        }

        return error;
    }
}
