using System.Net.Sockets;
using System.Security.Cryptography;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Upgrade;

/// <summary>A connection to an echo through the gateway: bytes that never stop until the test ends them, or a session that says something now and then.</summary>
internal sealed class EchoTransfer : IDisposable
{
    private const int ChunkSize = 16 * 1024;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(10);

    private readonly Socket _socket;
    private readonly CancellationToken _timeout;
    private readonly TaskCompletionSource _isLastChunk = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task<string> _sent = Task.FromResult("");
    private Task<(long Count, string Hash)> _received = Task.FromResult((0L, ""));

    private EchoTransfer(Socket socket, CancellationToken timeout)
    {
        _socket = socket;
        _timeout = timeout;
    }

    public static async Task<EchoTransfer> OpenAsync(int port, CancellationToken timeout) => new(await TcpUpstream.ConnectAsync(port, timeout), timeout);

    /// <summary>Sends pseudo-random bytes without an end, slowly, and hashes what comes back.</summary>
    public static async Task<EchoTransfer> BeginAsync(int port, CancellationToken timeout)
    {
        var transfer = await OpenAsync(port, timeout);
        transfer._sent = transfer.SendAsync();
        transfer._received = HashPump.ReceiveAsync(transfer._socket, timeout);
        return transfer;
    }

    /// <summary>A few bytes there and back, enough of them for mode Sockmap to hand the session to the kernel.</summary>
    public async Task SayAsync()
    {
        var answer = new byte[1];
        for (byte i = 0; i < 8; i++)
        {
            await _socket.SendAsync(new[] { i }, _timeout);
            Assert.Equal(1, await _socket.ReceiveAsync(answer, _timeout));
            Assert.Equal(i, answer[0]);
        }
    }

    /// <summary>Ends the session from this side and waits for the other side's end.</summary>
    public async Task FinishAsync()
    {
        _socket.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, await _socket.ReceiveAsync(new byte[1], _timeout));
    }

    /// <summary>Ends the transfer; every byte has come back when this returns.</summary>
    public async Task<long> CompleteAsync()
    {
        _isLastChunk.SetResult();
        var sent = await _sent;
        var (count, hash) = await _received;
        Assert.Equal(sent, hash);
        return count;
    }

    public void Dispose() => _socket.Dispose();

    private async Task<string> SendAsync()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var random = new Random(1);
        var chunk = new byte[ChunkSize];
        await using var stream = new NetworkStream(_socket);
        while (!_isLastChunk.Task.IsCompleted)
        {
            random.NextBytes(chunk);
            hash.AppendData(chunk);
            await stream.WriteAsync(chunk, _timeout);
            await Task.WhenAny(_isLastChunk.Task, Task.Delay(s_pause, _timeout));
        }

        _socket.Shutdown(SocketShutdown.Send);
        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
