using System.Net;
using System.Net.Sockets;

namespace Testing;

/// <summary>Loopback ports that nothing listens on. Somebody else may take one before it is used; tests retry nothing for that.</summary>
public static class FreePort
{
    private static readonly Lock s_lock = new();
    private static readonly HashSet<int> s_given = [];

    public static int Next()
    {
        lock (s_lock)
        {
            while (true)
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                var port = ((IPEndPoint)socket.LocalEndPoint!).Port;
                if (s_given.Add(port))
                {
                    return port;
                }
            }
        }
    }
}
