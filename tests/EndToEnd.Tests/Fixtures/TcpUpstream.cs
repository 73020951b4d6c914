using System.Net;
using System.Net.Sockets;

namespace EndToEnd.Tests.Fixtures;

/// <summary>A listening socket on a free port, of loopback if it is not told otherwise, that hands each accepted connection to the test.</summary>
internal sealed class TcpUpstream : IDisposable
{
    private readonly TcpListener _listener;

    public TcpUpstream(IPAddress? address = null)
    {
        _listener = new TcpListener(address ?? IPAddress.Loopback, 0);
        _listener.Start();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public static async Task<Socket> ConnectAsync(int port, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
        return socket;
    }

    public async Task<Socket> AcceptAsync(CancellationToken cancellationToken) => await _listener.AcceptSocketAsync(cancellationToken);

    public void Dispose() => _listener.Dispose();
}
