using System.Net;
using System.Net.Sockets;
using Transport.Linux.Interop;

namespace Yarp.Splice.Relay;

/// <summary>The address of this machine that connections to destinations come from, where a route names one.</summary>
internal static class SourceAddress
{
    public const string OtherFamily = "Splice:BindSource is IPv4 and the destination IPv6, or the other way round";
    public const string NotAvailable = "Splice:BindSource is no address of this machine, or has no port left for this destination";

    // Without it bind(2) takes a port that no other connection from the address can have; with it connect(2) takes one that is free for this
    // destination (ip(7)). It is set on IPv6 sockets too.
    private const int IP_BIND_ADDRESS_NO_PORT = 24;

    /// <summary>The addresses that can be reached from the source: those of its family, and Unix sockets, which have no source.</summary>
    public static EndPoint[] Reachable(EndPoint[] endPoints, IPAddress? source) => source is null
        ? endPoints
        : Array.FindAll(endPoints, endPoint => endPoint is not IPEndPoint || endPoint.AddressFamily == source.AddressFamily);

    /// <summary>Zero, or the negative error number.</summary>
    public static int Bind(int descriptor, IPAddress source)
    {
        _ = SocketCalls.SetOption(descriptor, SocketCalls.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        return SocketCalls.Bind(descriptor, NativeSocketAddress.ToBytes(new IPEndPoint(source, 0)).Span);
    }

    /// <exception cref="SocketException">It is no address of this machine.</exception>
    public static void Bind(Socket socket, IPAddress source)
    {
        if (OperatingSystem.IsLinux())
        {
            socket.SetRawSocketOption(SocketCalls.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, BitConverter.GetBytes(1));
        }

        socket.Bind(new IPEndPoint(source, 0));
    }
}
