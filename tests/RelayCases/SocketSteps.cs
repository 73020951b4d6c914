using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace RelayCases;

/// <summary>What cases do with the two ends of a session. Every wait is bounded.</summary>
internal static class SocketSteps
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>More than a relay and the kernel's buffers on its two sides may hold of one direction.</summary>
    private const int MostInFlight = 48 * 1024 * 1024;

    public static async Task SendAllAsync(this Socket socket, ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            data = data[await socket.SendAsync(data).AsTask().WaitAsync(Patience)..];
        }
    }

    public static async Task<byte[]> ReceiveExactlyAsync(this Socket socket, int count)
    {
        var received = new byte[count];
        for (var offset = 0; offset < count;)
        {
            var bytes = await ReceiveAsync(socket, received.AsMemory(offset));
            CaseExpect.True(bytes > 0, $"the stream ended after {offset} of {count} bytes");
            offset += bytes;
        }

        return received;
    }

    /// <summary>How many bytes come before the end, and whether that is RST.</summary>
    public static async Task<(long Bytes, bool IsReset)> ReceiveEndAsync(this Socket socket)
    {
        var buffer = new byte[64 * 1024];
        for (long total = 0; ;)
        {
            try
            {
                var bytes = await ReceiveAsync(socket, buffer);
                if (bytes == 0)
                {
                    return (total, false);
                }

                total += bytes;
            }
            catch (SocketException)
            {
                return (total, true);
            }
        }
    }

    /// <summary>Everything up to FIN.</summary>
    public static async Task<byte[]> ReceiveToEndAsync(this Socket socket)
    {
        var all = new MemoryStream();
        var buffer = new byte[128 * 1024];
        int bytes;
        while ((bytes = await ReceiveAsync(socket, buffer)) > 0)
        {
            all.Write(buffer, 0, bytes);
        }

        return all.ToArray();
    }

    /// <summary>How long until FIN or RST, and which. The time begins before what the relay times, which may be long before this side goes on.</summary>
    public static async Task<(TimeSpan Time, bool IsReset)> WaitForEndAsync(this Socket socket, Stopwatch since)
    {
        var end = await socket.ReceiveEndAsync();
        return (since.Elapsed, end.IsReset);
    }

    /// <summary>Sends until nothing has been taken for a quarter of a second; what was taken.</summary>
    public static async Task<byte[]> SendUntilStalledAsync(this Socket socket)
    {
        var chunk = RandomNumberGenerator.GetBytes(256 * 1024);
        var sent = new MemoryStream();
        socket.Blocking = false;
        for (var quiet = Stopwatch.StartNew(); quiet.ElapsedMilliseconds < 250;)
        {
            var bytes = socket.Send(chunk, SocketFlags.None, out var error);
            if (error == SocketError.Success)
            {
                sent.Write(chunk, 0, bytes);
                quiet.Restart();
                CaseExpect.True(sent.Length < MostInFlight, $"the sender was not stopped before {sent.Length} bytes");
            }
            else
            {
                CaseExpect.True(error == SocketError.WouldBlock, $"the sender got {error}");
                await Task.Delay(5);
            }
        }

        return sent.ToArray();
    }

    /// <summary>Exchanges of one byte: the median and the worst, in milliseconds.</summary>
    public static async Task<(double Median, double Worst)> PingPongAsync(Socket client, Socket server, int count)
    {
        var times = new List<double>();
        for (var i = 0; i < count; i++)
        {
            var message = new[] { (byte)i };
            var watch = Stopwatch.StartNew();
            await client.SendAllAsync(message);
            await CaseExpect.ReceivesAsync(server, message, $"message {i}");
            await server.SendAllAsync(message);
            await CaseExpect.ReceivesAsync(client, message, $"answer {i}");
            times.Add(watch.Elapsed.TotalMilliseconds);
        }

        times.Sort();
        return (times[count / 2], times[^1]);
    }

    public static void Reset(this Socket socket)
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
    }

    private static async Task<int> ReceiveAsync(Socket socket, Memory<byte> buffer)
    {
        try
        {
            return await socket.ReceiveAsync(buffer).AsTask().WaitAsync(Patience);
        }
        catch (TimeoutException exception)
        {
            throw new CaseFailedException($"nothing came for {Patience.TotalSeconds:0} s", exception);
        }
    }
}
