using System.Buffers.Binary;
using System.Net.Sockets;

namespace Faults.Tests;

/// <summary>
/// One connection through the relay: the client says how many bytes follow and how many it wants, sends its own and FIN, and gets the server's and FIN. Both
/// know every byte that they are to get. Now and then one of them resets the connection instead, half-way.
/// </summary>
internal static class Exchange
{
    private const int HeaderSize = 12;
    private const int MostBytes = 300_000;

    // Of so many exchanges one is reset by the client, and another one by the server.
    private const int ExchangesToReset = 13;

    /// <summary>As the client. True if all was well, false if the connection was refused or reset; other ends are no answer at all.</summary>
    /// <param name="client">The client's connection.</param>
    /// <param name="seed">What is exchanged.</param>
    /// <param name="before">How many bytes it has received before.</param>
    public static async Task<bool> RunAsync(Socket client, int seed, int before = 0)
    {
        var random = new Random(seed);
        var (up, down) = (random.Next(random.Next(2) == 0 ? 200 : MostBytes), random.Next(random.Next(2) == 0 ? 200 : MostBytes));
        var message = new byte[HeaderSize + up];
        BinaryPrimitives.WriteInt32LittleEndian(message, seed);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(4), up);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(8), down);
        new Random(seed + 1).NextBytes(message.AsSpan(HeaderSize));
        if (seed % ExchangesToReset == 3)
        {
            await ResetHalfwayAsync(client, message);
            return false;
        }

        var sending = SendAsync(client, message);
        return await ReceiveAsync(client, Bytes(seed + 2, down), before, sending);
    }

    /// <summary>As the server.</summary>
    public static async Task ServeAsync(Socket server)
    {
        using (server)
        {
            var header = new byte[HeaderSize];
            for (var count = 0; count < HeaderSize;)
            {
                var received = await TryReceiveAsync(server, header.AsMemory(count));
                if (received is null or 0)
                {
                    Assert.True(received is null || count == 0, "FIN in the middle of the header");
                    return;
                }

                count += received.Value;
            }

            var seed = BinaryPrimitives.ReadInt32LittleEndian(header);
            var answer = Bytes(seed + 2, BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8)));
            if (seed % ExchangesToReset == 7)
            {
                await ResetHalfwayAsync(server, answer);
                return;
            }

            var sending = SendAsync(server, answer);
            await ReceiveAsync(server, Bytes(seed + 1, BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4))), HeaderSize, sending);
        }
    }

    /// <summary>Serves whoever connects, until it is stopped and all have gone.</summary>
    public static async Task ServeAllAsync(Socket listener, Func<Socket, Task> serveAsync, CancellationToken stop)
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(serveAsync(await listener.AcceptAsync(stop)));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    private static byte[] Bytes(int seed, int count)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static async Task ResetHalfwayAsync(Socket socket, byte[] bytes)
    {
        try
        {
            await SendAllAsync(socket, bytes.AsMemory(0, bytes.Length / 2));
        }
        catch (SocketException)
        {
            // Reset by the other side before.
        }

        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
    }

    private static async Task SendAllAsync(Socket socket, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await socket.SendAsync(bytes).AsTask().WaitAsync(Deadline.Default)..];
        }
    }

    private static async Task<bool> SendAsync(Socket socket, byte[] bytes)
    {
        try
        {
            await SendAllAsync(socket, bytes);
            socket.Shutdown(SocketShutdown.Send);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Receives to the end: the bytes expected and FIN, or some of them and RST; or none and FIN, where no byte had come before these.</summary>
    /// <returns>Whether everything was received and sent.</returns>
    private static async Task<bool> ReceiveAsync(Socket socket, byte[] expected, int before, Task<bool> sending)
    {
        var buffer = new byte[64 * 1024];
        for (var count = 0; ;)
        {
            switch (await TryReceiveAsync(socket, buffer))
            {
                case null:
                    await sending;
                    return false;
                case 0:
                    // The kernel says once that the connection was reset, and to the send if that comes first.
                    var isSent = await sending;
                    Assert.True(count == expected.Length || !isSent || (count == 0 && before == 0), $"FIN after {count} of {expected.Length} bytes");
                    return isSent && count == expected.Length;
                case { } received:
                    Assert.True(
                        count + received <= expected.Length && buffer.AsSpan(0, received).SequenceEqual(expected.AsSpan(count, received)),
                        $"wrong bytes in the {received} after {count} of {expected.Length}");
                    count += received;
                    break;
            }
        }
    }

    /// <summary>How many bytes came, zero for FIN, or <see langword="null"/> for RST.</summary>
    public static async Task<int?> TryReceiveAsync(Socket socket, Memory<byte> buffer)
    {
        try
        {
            return await socket.ReceiveAsync(buffer).AsTask().WaitAsync(Deadline.Default);
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
