using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Hostile;

/// <summary>HTTP clients that ask for much and read nothing, beside one that reads slowly.</summary>
public sealed class ClosedWindowTests(ITestOutputHelper output)
{
    private const int Clients = 200;

    /// <summary>The most that such a client may cost in the process: the pipes of its connection and of the upstream's.</summary>
    private const int LargestCost = 1024 * 1024;

    /// <summary>Long enough for a slow reader on a machine that stands still for seconds.</summary>
    private static readonly TimeSpan s_sendTimeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    [RequiresProgramFact("prlimit")]
    public async Task Clients_that_never_read_are_reset_at_the_deadline_while_a_slow_reader_and_others_are_served()
    {
        await using var site = await HostileSite.StartAsync(Deadline.Default, transport: new JsonObject
        {
            ["SendTimeout"] = s_sendTimeout.ToString("c", CultureInfo.InvariantCulture),
        });
        var door = Door.Http("HTTP", site["HTTP"].Port, "/zeros");
        var startedAt = Stopwatch.GetTimestamp();
        var slow = Task.Run(() => ReadSlowly(door));
        var silent = Enumerable.Range(0, Clients).Select(_ => Ask(door)).ToList();
        long largest;
        try
        {
            await site.AssertServesAsync();
            var open = new List<Socket>(silent);
            largest = site.Growth;
            await Deadline.UntilAsync(
                () =>
                {
                    largest = Math.Max(largest, site.Growth);
                    // Asking takes the error off, so each is asked until it has said it once.
                    var closed = open.RemoveAll(static socket => socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error) is not 0);
                    Assert.True(closed == 0 || Stopwatch.GetElapsedTime(startedAt) >= s_sendTimeout, $"closed after {Stopwatch.GetElapsedTime(startedAt)}");
                    return Task.FromResult(open.Count == 0);
                },
                () => $"{open.Count} of {Clients} clients are still connected");
        }
        finally
        {
            silent.ForEach(static socket => socket.Dispose());
        }

        var closedAfter = Stopwatch.GetElapsedTime(startedAt);
        Assert.True(await slow >= HttpUpstream.DownloadSize, $"the slow reader got {await slow} bytes");
        Assert.True(Stopwatch.GetElapsedTime(startedAt) > s_sendTimeout, "the slow reader was not slow");
        output.WriteLine($"{Clients} clients: {largest / Clients} bytes each at most, closed after {closedAfter}; {site.Lines} lines in the log");
        Assert.InRange(largest / Clients, long.MinValue, LargestCost);
        Assert.InRange(site.Lines, 0, 60);
        using var admin = await AdminClient.FindAsync(site.Gateway);
        Assert.Equal(Clients, (await admin.ScrapeAsync()).Sum("transport_linux_connections_send_timeouts_total"));
        await site.AssertServesAsync();
    }

    private static Socket Ask(Door door)
    {
        var socket = door.Connect();
        socket.Send(door.Opening);
        return socket;
    }

    /// <summary>Reads to the end, for longer than the deadline. Returns the number of bytes.</summary>
    private static long ReadSlowly(Door door)
    {
        using var socket = Ask(door);
        socket.ReceiveTimeout = (int)Deadline.Default.TotalMilliseconds;
        var pauses = (int)(1.25 * (s_sendTimeout / s_pause));
        var buffer = new byte[HttpUpstream.DownloadSize / pauses];
        for (var total = 0L; ;)
        {
            var received = 0;
            for (var count = 1; count > 0 && received < buffer.Length; received += count)
            {
                count = socket.Receive(buffer, received, buffer.Length - received, SocketFlags.None);
            }

            total += received;
            if (received < buffer.Length)
            {
                return total;
            }

            Thread.Sleep(s_pause);
        }
    }
}
