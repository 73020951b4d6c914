using System.Net;
using System.Net.Sockets;

namespace Soak.Loads;

/// <summary>What the loads have in common.</summary>
internal static class LoadConnection
{
    private const long KiB = 1024;

    /// <summary>Connects and announces the exchange.</summary>
    public static async Task<Socket> OpenAsync(int port, Exchange exchange, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
            await socket.SendAllAsync(exchange.ToBytes(), cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public static async Task SendAllAsync(this Socket socket, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await socket.SendAsync(bytes, cancellationToken)..];
        }
    }

    public static async Task ReceiveExactlyAsync(this Socket socket, Memory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            var count = await socket.ReceiveAsync(bytes, cancellationToken);
            if (count == 0)
            {
                throw new EndOfStreamException($"FIN with {bytes.Length} bytes still to come");
            }

            bytes = bytes[count..];
        }
    }

    /// <summary>Mostly small, now and then 4 MiB.</summary>
    public static long DrawSize(Random random) => random.Next(12) == 0 ? random.NextInt64(256 * KiB, 4096 * KiB) : random.NextInt64(1, 96 * KiB);

    /// <summary>Receives to the end and checks the bytes; an early FIN is wrong, an early RST is an error.</summary>
    public static async Task<long> ReceiveAllAsync(Socket socket, long count, int seed, CancellationToken cancellationToken)
    {
        var received = await Received.ToEndAsync(socket, cancellationToken);
        await received.VerifyAsync(seed, cancellationToken);
        if (received.Count == count && !received.IsReset)
        {
            return count;
        }

        throw received.IsReset
            ? new SocketException((int)SocketError.ConnectionReset)
            : new EndOfStreamException($"FIN after {received.Count} of {count} bytes");
    }
}
