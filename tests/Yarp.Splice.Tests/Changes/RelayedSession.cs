using System.Net;
using System.Net.Sockets;

namespace Yarp.Splice.Tests.Changes;

/// <summary>A client and the server that a gateway has connected it to.</summary>
internal sealed class RelayedSession : IDisposable
{
    private readonly Socket _client;
    private readonly Socket _server;

    private RelayedSession(Socket client, Socket server)
    {
        _client = client;
        _server = server;
    }

    public static TcpListener Listen()
    {
        var upstream = new TcpListener(IPAddress.Loopback, 0);
        upstream.Start();
        return upstream;
    }

    public static async Task<RelayedSession> OpenAsync(int port, TcpListener upstream)
    {
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), patience.Token);
            return new RelayedSession(client, await upstream.AcceptSocketAsync(patience.Token));
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>A byte there and back.</summary>
    public async Task ExchangeAsync()
    {
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        var buffer = new byte[1];
        await _client.SendAsync(new byte[] { 1 }, patience.Token);
        Assert.Equal(1, await _server.ReceiveAsync(buffer, patience.Token));
        await _server.SendAsync(buffer, patience.Token);
        Assert.Equal(1, await _client.ReceiveAsync(buffer, patience.Token));
    }

    /// <summary>Waits until both ends have been reset.</summary>
    public async Task AssertIsResetAsync()
    {
        foreach (var socket in new[] { _client, _server })
        {
            var exception = await Assert.ThrowsAsync<SocketException>(() => socket.ReceiveAsync(new byte[1]).WaitAsync(TestGateway.Patience));
            Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
        }
    }

    public void Dispose()
    {
        _client.Dispose();
        _server.Dispose();
    }
}
