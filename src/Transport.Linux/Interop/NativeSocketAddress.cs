using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace Transport.Linux.Interop;

/// <summary>Conversions between <see cref="EndPoint"/> and <c>struct sockaddr</c> (ip(7), ipv6(7), unix(7)).</summary>
internal static class NativeSocketAddress
{
    /// <summary>Room for the longest address: <c>struct sockaddr_un</c>, 110 bytes, rounded up.</summary>
    public const int MaxLength = 128;

    /// <summary><c>sun_path</c>.</summary>
    private const int LongestPath = 108;

    /// <summary>The kernel's form of an address; on Linux <see cref="EndPoint.Serialize"/> lays its buffer out natively.</summary>
    public static ReadOnlyMemory<byte> ToBytes(EndPoint endPoint)
    {
        var serialized = endPoint.Serialize();
        return serialized.Buffer[..serialized.Size];
    }

    public static int Family(ReadOnlySpan<byte> address) => MemoryMarshal.Read<ushort>(address);

    public static EndPoint ToEndPoint(ReadOnlySpan<byte> address)
    {
        switch (address.Length < sizeof(ushort) ? SocketCalls.AF_UNIX : Family(address))
        {
            case SocketCalls.AF_INET:
                return new IPEndPoint(
                    new IPAddress(address.Slice(4, 4)),
                    BinaryPrimitives.ReadUInt16BigEndian(address[2..]));
            case SocketCalls.AF_INET6:
                // sin6_scope_id is in host order, unlike the port.
                return new IPEndPoint(
                    new IPAddress(address.Slice(8, 16), MemoryMarshal.Read<uint>(address[24..])),
                    BinaryPrimitives.ReadUInt16BigEndian(address[2..]));
            default:
                return ToUnixEndPoint(address);
        }
    }

    private static UnixDomainSocketEndPoint ToUnixEndPoint(ReadOnlySpan<byte> address)
    {
        // An unbound peer, which is what connect(2) normally leaves, has an address of nothing but its family.
        var path = address.Length > sizeof(ushort) ? address[sizeof(ushort)..] : [];
        if (path.IsEmpty)
        {
            return new UnixDomainSocketEndPoint("\0");
        }

        if (path[0] != 0)
        {
            var end = path.IndexOf((byte)0);
            path = end < 0 ? path : path[..end];
        }

        // A peer chooses its own name, of any bytes: .NET has no form for one that is no UTF-8, nor for one that leaves no room for a terminating zero.
        return path.Length < LongestPath && Utf8.IsValid(path) ? new UnixDomainSocketEndPoint(Encoding.UTF8.GetString(path)) : new UnixDomainSocketEndPoint("\0");
    }
}
