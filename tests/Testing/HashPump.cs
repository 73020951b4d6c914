using System.Net.Sockets;
using System.Security.Cryptography;

namespace Testing;

/// <summary>Sends pseudo-random bytes, or receives bytes until the end, and hashes them on the way without keeping them.</summary>
public static class HashPump
{
    private const int ChunkSize = 64 * 1024;

    public static async Task<string> SendAsync(Stream stream, long count, int seed, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var random = new Random(seed);
        var chunk = new byte[ChunkSize];
        for (var left = count; left > 0;)
        {
            var piece = chunk.AsMemory(0, (int)Math.Min(left, ChunkSize));
            random.NextBytes(piece.Span);
            hash.AppendData(piece.Span);
            await stream.WriteAsync(piece, cancellationToken);
            left -= piece.Length;
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>Sends over a socket, and then FIN.</summary>
    public static async Task<string> SendAndFinishAsync(Socket socket, long count, int seed, CancellationToken cancellationToken)
    {
        await using var stream = new NetworkStream(socket);
        var hash = await SendAsync(stream, count, seed, cancellationToken);
        socket.Shutdown(SocketShutdown.Send);
        return hash;
    }

    public static async Task<(long Count, string Hash)> ReceiveAsync(Socket socket, CancellationToken cancellationToken)
    {
        await using var stream = new NetworkStream(socket);
        return await ReceiveAsync(stream, cancellationToken);
    }

    public static async Task<(long Count, string Hash)> ReceiveAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var chunk = new byte[ChunkSize];
        var total = 0L;
        int count;
        while ((count = await stream.ReadAsync(chunk, cancellationToken)) > 0)
        {
            hash.AppendData(chunk.AsSpan(0, count));
            total += count;
        }

        return (total, Convert.ToHexString(hash.GetHashAndReset()));
    }
}
