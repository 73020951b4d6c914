using System.Net.Sockets;
using System.Security.Cryptography;

namespace Soak;

/// <summary>What came over a connection until its end, and whether that was RST.</summary>
internal readonly record struct Received(long Count, string Hash, bool IsReset)
{
    private const int ChunkSize = 64 * 1024;

    public static async Task<Received> ToEndAsync(Socket socket, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var chunk = new byte[ChunkSize];
        var total = 0L;
        try
        {
            int count;
            while ((count = await socket.ReceiveAsync(chunk, cancellationToken)) > 0)
            {
                hash.AppendData(chunk.AsSpan(0, count));
                total += count;
            }

            return new Received(total, Convert.ToHexString(hash.GetHashAndReset()), IsReset: false);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            return new Received(total, Convert.ToHexString(hash.GetHashAndReset()), IsReset: true);
        }
    }

    /// <summary>Throws unless the bytes are the first ones of what the seed gives.</summary>
    public async Task VerifyAsync(int seed, CancellationToken cancellationToken)
    {
        if (await HashPump.SendAsync(Stream.Null, Count, seed, cancellationToken) != Hash)
        {
            throw new WrongBytesException($"the {Count} bytes that arrived are not those that were sent");
        }
    }
}
