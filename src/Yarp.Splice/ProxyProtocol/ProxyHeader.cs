using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Yarp.Splice.ProxyProtocol;

/// <summary>
/// Writes the header that tells a destination who the client is ("The PROXY protocol, versions 1 &amp; 2", haproxy.org, sections 2.1 and 2.2).
/// </summary>
internal static class ProxyHeader
{
    private const byte VersionAndProxyCommand = 0x21;
    private const byte Unspecified = 0x00;
    private const byte TcpOverIpv4 = 0x11;
    private const byte TcpOverIpv6 = 0x21;

    /// <summary>What version 2 begins with.</summary>
    public static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <summary>What goes to the destination first: the header, if the route wants one, and then what the client has sent already.</summary>
    public static ReadOnlyMemory<byte> Prepend(ProxyProtocolVersion version, EndPoint? client, EndPoint? local, ReadOnlyMemory<byte> bytes) =>
        version == ProxyProtocolVersion.None ? bytes : (byte[])[.. Create(version, client, local), .. bytes.Span];

    /// <summary>A header; for a client without an IP address, one that says that its address is not known.</summary>
    public static byte[] Create(ProxyProtocolVersion version, EndPoint? client, EndPoint? local)
    {
        var (source, destination) = (Plain(client), Plain(local));
        var isKnown = source is not null && destination is not null && source.AddressFamily == destination.AddressFamily;
        return version == ProxyProtocolVersion.V1
            ? isKnown ? CreateText(source!, destination!) : "PROXY UNKNOWN\r\n"u8.ToArray()
            : isKnown ? CreateBinary(source!, destination!) : [.. Signature, VersionAndProxyCommand, Unspecified, 0, 0];
    }

    /// <summary>IPv4 for an IPv4 client on a dual-mode socket, and without the scope, which means nothing on another machine.</summary>
    private static IPEndPoint? Plain(EndPoint? endPoint) => endPoint is IPEndPoint ip
        ? new IPEndPoint(ip.Address.IsIPv4MappedToIPv6 ? ip.Address.MapToIPv4() : new IPAddress(ip.Address.GetAddressBytes()), ip.Port)
        : null;

    private static byte[] CreateText(IPEndPoint source, IPEndPoint destination)
    {
        var family = source.AddressFamily == AddressFamily.InterNetwork ? "TCP4" : "TCP6";
        return Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"PROXY {family} {source.Address} {destination.Address} {source.Port} {destination.Port}\r\n"));
    }

    private static byte[] CreateBinary(IPEndPoint source, IPEndPoint destination)
    {
        var from = source.Address.GetAddressBytes();
        var to = destination.Address.GetAddressBytes();
        var ports = new byte[4];
        BinaryPrimitives.WriteUInt16BigEndian(ports, (ushort)source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(ports.AsSpan(2), (ushort)destination.Port);
        var family = source.AddressFamily == AddressFamily.InterNetwork ? TcpOverIpv4 : TcpOverIpv6;
        return [.. Signature, VersionAndProxyCommand, family, 0, (byte)(from.Length + to.Length + ports.Length), .. from, .. to, .. ports];
    }
}
