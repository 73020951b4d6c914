using System.Buffers.Binary;
using System.Net;
using System.Numerics;

namespace Yarp.Splice.ProxyProtocol;

/// <summary>The block of version 2 (section 2.2): what was proxied, the addresses, and TLVs, of which only the checksum is looked at.</summary>
internal static class ProxyHeaderBlock
{
    public const int Version = 2;

    private const int Ipv4Addresses = (2 * 4) + Ports;
    private const int Ipv6Addresses = (2 * 16) + Ports;
    private const int UnixAddresses = 2 * 108;
    private const int Ports = 2 * sizeof(ushort);
    private const int TlvHeader = 1 + sizeof(ushort);
    private const byte ChecksumTlv = 0x03;

    private enum Command
    {
        /// <summary>A connection of the proxy's own, such as a health check: its addresses are the connection's, and nothing else counts.</summary>
        Local,

        Proxy,
    }

    private enum Family
    {
        Unspecified,
        Internet,
        Internet6,
        Unix,
    }

    private enum Transport
    {
        Unspecified,
        Stream,
        Datagram,
    }

    /// <param name="whole">The whole header, from its signature on.</param>
    /// <param name="start">Where the addresses begin.</param>
    /// <param name="header">What it says.</param>
    public static bool TryParse(ReadOnlySpan<byte> whole, int start, out ReceivedProxyHeader header)
    {
        header = new ReceivedProxyHeader(whole.Length, null, null);
        var command = (Command)(whole[ProxyHeader.Signature.Length] & 0x0f);
        if (command == Command.Local)
        {
            return true;
        }

        var family = (Family)(whole[ProxyHeader.Signature.Length + 1] >> 4);
        var transport = (Transport)(whole[ProxyHeader.Signature.Length + 1] & 0x0f);
        if (command != Command.Proxy || family > Family.Unix || transport > Transport.Datagram)
        {
            // Reserved values "must be rejected as invalid by receivers".
            return false;
        }

        if (family == Family.Unspecified)
        {
            // What follows has no known form.
            return true;
        }

        var addresses = family switch
        {
            Family.Internet => Ipv4Addresses,
            Family.Internet6 => Ipv6Addresses,
            _ => UnixAddresses,
        };
        if (whole.Length < start + addresses || !AreTlvsSound(whole, start + addresses))
        {
            return false;
        }

        if (transport == Transport.Stream && family != Family.Unix)
        {
            var block = whole.Slice(start, addresses);
            var size = (addresses - Ports) / 2;
            header = new ReceivedProxyHeader(
                whole.Length,
                new IPEndPoint(new IPAddress(block[..size]), BinaryPrimitives.ReadUInt16BigEndian(block[^Ports..])),
                new IPEndPoint(new IPAddress(block[size..^Ports]), BinaryPrimitives.ReadUInt16BigEndian(block[^sizeof(ushort)..])));
        }

        return true;
    }

    private static bool AreTlvsSound(ReadOnlySpan<byte> whole, int offset)
    {
        int? checksum = null;
        while (offset < whole.Length)
        {
            if (whole.Length - offset < TlvHeader)
            {
                return false;
            }

            var length = BinaryPrimitives.ReadUInt16BigEndian(whole[(offset + 1)..]);
            var value = offset + TlvHeader;
            if (length > whole.Length - value)
            {
                return false;
            }

            if (whole[offset] == ChecksumTlv)
            {
                // One at most: the other would have to be zero in it, and each costs a look at the whole header.
                if (checksum is not null || length != sizeof(uint))
                {
                    return false;
                }

                checksum = value;
            }

            offset = value + length;
        }

        return checksum is not { } position || IsChecksumRight(whole, position);
    }

    /// <summary>CRC32c (RFC 4960, appendix B) of the whole header, in which the checksum itself counts as zero (section 2.2.3).</summary>
    private static bool IsChecksumRight(ReadOnlySpan<byte> whole, int position)
    {
        var crc = uint.MaxValue;
        for (var i = 0; i < whole.Length; i++)
        {
            var isChecksum = i >= position && i < position + sizeof(uint);
            crc = BitOperations.Crc32C(crc, isChecksum ? (byte)0 : whole[i]);
        }

        return ~crc == BinaryPrimitives.ReadUInt32BigEndian(whole[position..]);
    }
}
