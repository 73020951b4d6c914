using System.Net;
using System.Net.Sockets;
using Xunit;

namespace EndToEnd.Tests.Fixtures;

/// <summary>One connection through the gateway, with both of its ends.</summary>
internal sealed class TcpSession : IDisposable
{
    private TcpSession(Socket client, Socket server)
    {
        Client = client;
        Server = server;
    }

    public Socket Client { get; }

    public Socket Server { get; }

    public static async Task<TcpSession> OpenAsync(int port, TcpUpstream upstream, CancellationToken cancellationToken)
    {
        var client = await TcpUpstream.ConnectAsync(port, cancellationToken);
        return new TcpSession(client, await upstream.AcceptAsync(cancellationToken));
    }

    /// <summary>Opens one from a socket that the test has made.</summary>
    public static async Task<TcpSession> OpenAsync(Socket client, EndPoint gateway, TcpUpstream upstream, CancellationToken cancellationToken)
    {
        await client.ConnectAsync(gateway, cancellationToken);
        return new TcpSession(client, await upstream.AcceptAsync(cancellationToken));
    }

    /// <summary>Whether nothing listens on the loopback port.</summary>
    public static async Task<bool> IsRefusedAsync(int port, CancellationToken cancellationToken)
    {
        try
        {
            using var socket = await TcpUpstream.ConnectAsync(port, cancellationToken);
            // Ends with RST, so that no session stays behind.
            socket.LingerState = new LingerOption(enable: true, 0);
            return false;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return true;
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            // It was in the queue of the listener when that was closed; nobody listens from then on, which the next look shows.
            return false;
        }
    }

    /// <summary>Sends some bytes to and fro: enough of them for mode Sockmap to hand the session to the kernel.</summary>
    public async Task AssertRelaysAsync(CancellationToken cancellationToken)
    {
        for (byte i = 0; i < 8; i++)
        {
            await AssertArrivesAsync(Client, Server, i, cancellationToken);
            await AssertArrivesAsync(Server, Client, i, cancellationToken);
        }
    }

    /// <summary>Both ends have been reset, or are going to be.</summary>
    public async Task AssertIsResetAsync(CancellationToken cancellationToken)
    {
        foreach (var socket in new[] { Client, Server })
        {
            var exception = await Assert.ThrowsAsync<SocketException>(async () => await socket.ReceiveAsync(new byte[1], cancellationToken));
            Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
        }
    }

    /// <summary>Ends it from both sides, and waits until each has heard of the other's end.</summary>
    public async Task FinishAsync(CancellationToken cancellationToken)
    {
        Client.Shutdown(SocketShutdown.Send);
        Server.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, await Client.ReceiveAsync(new byte[1], cancellationToken));
        Assert.Equal(0, await Server.ReceiveAsync(new byte[1], cancellationToken));
    }

    public void Dispose()
    {
        Client.Dispose();
        Server.Dispose();
    }

    private static async Task AssertArrivesAsync(Socket from, Socket to, byte value, CancellationToken cancellationToken)
    {
        await from.SendAsync(new[] { value }, cancellationToken);
        var buffer = new byte[1];
        Assert.Equal(1, await to.ReceiveAsync(buffer, cancellationToken));
        Assert.Equal(value, buffer[0]);
    }
}
