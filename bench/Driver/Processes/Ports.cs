using System.Net;
using System.Net.Sockets;

namespace Bench.Driver.Processes;

/// <summary>Free ports below the ephemeral range, so that no outgoing connection of a load takes one in the meantime.</summary>
internal sealed class Ports
{
    private const int First = 21000;
    private const int Last = 31999;
    private int _next = First + Random.Shared.Next(0, 1000);

    public int Take()
    {
        while (true)
        {
            var port = Interlocked.Increment(ref _next);
            if (port > Last)
            {
                throw new BenchException($"No free port is left between {First} and {Last}.");
            }

            if (IsFree(port))
            {
                return port;
            }
        }
    }

    private static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
