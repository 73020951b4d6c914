using System.Net.Sockets;
using System.Security.Cryptography;

namespace Yarp.Splice.Tests.Relay;

/// <summary>What tests do with the two ends of a session.</summary>
internal static class SocketFlow
{
    public static async Task SendAllAsync(this Socket socket, ReadOnlyMemory<byte> data, int chunk = 64 * 1024)
    {
        while (!data.IsEmpty)
        {
            var sent = await socket.SendAsync(data[..Math.Min(chunk, data.Length)]).AsTask().WaitAsync(RelayFixture.Deadline);
            data = data[sent..];
        }
    }

    public static async Task<byte[]> ReceiveExactlyAsync(this Socket socket, int count)
    {
        var received = new byte[count];
        for (var offset = 0; offset < count;)
        {
            var bytes = await socket.ReceiveAsync(received.AsMemory(offset)).AsTask().WaitAsync(RelayFixture.Deadline);
            Assert.True(bytes > 0, $"the stream ended after {offset} of {count} bytes");
            offset += bytes;
        }

        return received;
    }

    /// <summary>Everything up to FIN.</summary>
    public static async Task<byte[]> ReceiveToEndAsync(this Socket socket)
    {
        var all = new MemoryStream();
        var buffer = new byte[128 * 1024];
        int received;
        while ((received = await socket.ReceiveAsync(buffer.AsMemory()).AsTask().WaitAsync(RelayFixture.Deadline)) > 0)
        {
            all.Write(buffer, 0, received);
        }

        return all.ToArray();
    }

    /// <summary>
    /// Sends 200 KB or more of random bytes in pieces of random size with random pauses, then their hash, then FIN.
    /// <see cref="ReceiveAtRandomAsync"/> checks it, whichever sender it comes from.
    /// </summary>
    public static async Task SendAtRandomAsync(this Socket socket, int seed, int mostBytes)
    {
        var random = new Random(seed);
        var data = new byte[random.Next(200_000, mostBytes)];
        random.NextBytes(data);
        for (var sent = 0; sent < data.Length;)
        {
            var piece = Math.Min(data.Length - sent, random.Next(8) == 0 ? random.Next(1, 600_000) : random.Next(1, 30_000));
            await socket.SendAllAsync(data.AsMemory(sent, piece), chunk: 256 * 1024);
            sent += piece;
            if (random.Next(12) == 0)
            {
                await Task.Delay(random.Next(3));
            }
        }

        await socket.SendAllAsync(SHA256.HashData(data));
        socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Receives what <see cref="SendAtRandomAsync"/> sends, now and then slowly, and checks it.</summary>
    public static async Task ReceiveAtRandomAsync(this Socket socket)
    {
        var all = new MemoryStream();
        var buffer = new byte[200_000];
        int received;
        while ((received = await socket.ReceiveAsync(buffer.AsMemory(0, 1 + (int)(all.Length * 7919 % buffer.Length)))
            .AsTask().WaitAsync(RelayFixture.Deadline)) > 0)
        {
            all.Write(buffer, 0, received);
            if (all.Length % 37 == 0)
            {
                await Task.Delay(2);
            }
        }

        var bytes = all.ToArray();
        Assert.True(bytes.Length > SHA256.HashSizeInBytes, $"only {bytes.Length} bytes arrived");
        Assert.Equal(SHA256.HashData(bytes.AsSpan(..^SHA256.HashSizeInBytes)), bytes[^SHA256.HashSizeInBytes..]);
    }

    /// <summary>Sends until no byte has been taken for a while, and returns what was taken.</summary>
    public static async Task<byte[]> SendUntilStalledAsync(this Socket socket)
    {
        socket.Blocking = false;
        var chunk = Payload(256 * 1024);
        var sent = new MemoryStream();
        for (var quietRounds = 0; quietRounds < 25;)
        {
            var bytes = socket.Send(chunk, SocketFlags.None, out var error);
            if (error == SocketError.Success)
            {
                sent.Write(chunk, 0, bytes);
                quietRounds = 0;
                Assert.True(sent.Length <= KernelQueues.MostOnTheWay, "the sender was never stopped");
            }
            else
            {
                Assert.Equal(SocketError.WouldBlock, error);
                quietRounds++;
                await Task.Delay(10);
            }
        }

        return sent.ToArray();
    }

    public static async Task AssertFinAsync(this Socket socket) =>
        Assert.Equal(0, await socket.ReceiveAsync(new byte[1].AsMemory()).AsTask().WaitAsync(RelayFixture.Deadline));

    /// <summary>Reads what there is and expects a reset after it; returns how many bytes came before.</summary>
    public static async Task<long> AssertResetAsync(this Socket socket)
    {
        long before = 0;
        var buffer = new byte[64 * 1024];
        while (true)
        {
            try
            {
                var received = await socket.ReceiveAsync(buffer.AsMemory()).AsTask().WaitAsync(RelayFixture.Deadline);
                Assert.True(received > 0, $"FIN instead of RST, after {before} bytes");
                before += received;
            }
            catch (SocketException exception)
            {
                Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
                return before;
            }
        }
    }

    /// <summary>As Assert.Equal for large payloads: says where they differ instead of printing them.</summary>
    public static void AssertSame(byte[] expected, byte[] actual)
    {
        var common = expected.AsSpan().CommonPrefixLength(actual);
        Assert.True(
            common == expected.Length && common == actual.Length,
            $"{actual.Length} bytes instead of {expected.Length}, equal up to {common}");
    }

    public static void Reset(this Socket socket)
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
    }

    public static byte[] Payload(int size) => RandomNumberGenerator.GetBytes(size);
}
