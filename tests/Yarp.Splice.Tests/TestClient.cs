using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Yarp.Splice.Tests;

/// <summary>A client's socket, byte for byte.</summary>
internal static class TestClient
{
    /// <param name="port">A loopback port.</param>
    /// <param name="from">The client's own address: any of 127.0.0.0/8.</param>
    public static async Task<Socket> ConnectAsync(int port, string from = "127.0.0.1")
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return socket;
    }

    /// <summary>What comes until the end; a reset is an end, too.</summary>
    public static async Task<string> ReadToEndAsync(Socket socket)
    {
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        var text = new StringBuilder();
        var buffer = new byte[1024];
        try
        {
            int count;
            while ((count = await socket.ReceiveAsync(buffer, patience.Token)) > 0)
            {
                text.Append(Encoding.Latin1.GetString(buffer, 0, count));
            }
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Closed with unread bytes.
        }

        return text.ToString();
    }
}
