using System.Net;
using System.Net.Sockets;

namespace Yarp.Splice.Relay;

/// <summary>Two sockets that are connected to each other over loopback, for probes of what the kernel does.</summary>
internal static class LoopbackPair
{
    /// <exception cref="SocketException">Loopback cannot be used.</exception>
    public static (Socket Connected, Socket Accepted) Connect()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        var connected = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            connected.Connect(listener.LocalEndPoint!);
            var accepted = listener.Accept();
            accepted.NoDelay = true;
            return (connected, accepted);
        }
        catch
        {
            connected.Dispose();
            throw;
        }
    }
}
