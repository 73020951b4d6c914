using System.Net.Sockets;
using System.Security.Cryptography;
using Xunit;

namespace EndToEnd.Tests.Network;

/// <summary>One direction of a session: pseudo-random bytes from one socket to another, until the test has seen enough, then FIN; hashed at both ends.</summary>
internal sealed class Flow
{
    private const int ChunkSize = 64 * 1024;

    private readonly string _name;
    private readonly Task<string> _sending;
    private readonly Task<string> _receiving;
    private long _sent;
    private long _received;
    private volatile bool _isEnough;

    private Flow(string name, Socket from, Socket to, int seed, Func<Task>? beforeEachRead, CancellationToken cancellationToken)
    {
        _name = name;
        _sending = Task.Run(() => SendAsync(from, seed, cancellationToken), cancellationToken);
        _receiving = Task.Run(() => ReceiveAsync(to, beforeEachRead, cancellationToken), cancellationToken);
    }

    /// <summary>How many bytes have arrived.</summary>
    public long Received => Volatile.Read(ref _received);

    /// <summary>How many bytes the sender's kernel has taken.</summary>
    public long Sent => Volatile.Read(ref _sent);

    public static Flow Start(string name, Socket from, Socket to, int seed, CancellationToken cancellationToken, Func<Task>? beforeEachRead = null) =>
        new(name, from, to, seed, beforeEachRead, cancellationToken);

    /// <summary>Ends it: all that was sent has arrived, in order, and then FIN.</summary>
    public async Task FinishAsync()
    {
        _isEnough = true;
        try
        {
            await Task.WhenAll(_sending, _receiving);
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"{this}: {exception.Message}", exception);
        }

        Assert.True(Sent == Received && await _sending == await _receiving, $"{this}: not the bytes that were sent");
    }

    public override string ToString() => $"{_name}: {Received} of {Sent} bytes have arrived";

    private async Task<string> SendAsync(Socket socket, int seed, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var random = new Random(seed);
        var chunk = new byte[ChunkSize];
        while (!_isEnough)
        {
            random.NextBytes(chunk);
            hash.AppendData(chunk);
            for (var sent = 0; sent < chunk.Length;)
            {
                var count = await socket.SendAsync(chunk.AsMemory(sent), cancellationToken);
                sent += count;
                Volatile.Write(ref _sent, _sent + count);
            }
        }

        socket.Shutdown(SocketShutdown.Send);
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private async Task<string> ReceiveAsync(Socket socket, Func<Task>? beforeEachRead, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var chunk = new byte[ChunkSize];
        while (true)
        {
            await (beforeEachRead?.Invoke() ?? Task.CompletedTask);
            var count = await socket.ReceiveAsync(chunk, cancellationToken);
            if (count == 0)
            {
                return Convert.ToHexString(hash.GetHashAndReset());
            }

            hash.AppendData(chunk, 0, count);
            Volatile.Write(ref _received, _received + count);
        }
    }
}
