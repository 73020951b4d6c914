using System.Net;
using System.Net.Sockets;

namespace EndToEnd.Tests.Fixtures;

/// <summary>A destination on a loopback port that sends back what it receives, and ends when its client has ended.</summary>
internal sealed class EchoUpstream : IDisposable
{
    private const int BufferSize = 16 * 1024;

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    /// <summary>Opens its socket where the calling thread is: in a network namespace, perhaps.</summary>
    public EchoUpstream()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(4096);
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public void Dispose() => _listener.Dispose();

    private static async Task EchoAsync(Socket socket)
    {
        using (socket)
        {
            try
            {
                socket.NoDelay = true;
                var buffer = new byte[BufferSize];
                int received;
                while ((received = await socket.ReceiveAsync(buffer)) > 0)
                {
                    for (var sent = 0; sent < received;)
                    {
                        sent += await socket.SendAsync(buffer.AsMemory(sent, received - sent));
                    }
                }

                socket.Shutdown(SocketShutdown.Send);
            }
            catch (SocketException)
            {
                // The other side has gone; the test sees that by itself.
            }
        }
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                _ = EchoAsync(await _listener.AcceptAsync());
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }
}
