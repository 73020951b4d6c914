using System.Buffers.Binary;
using System.Net;
using Yarp.Splice.ProxyProtocol;

namespace Yarp.Splice.Tests.ProxyProtocol;

/// <summary>Builds version 2 headers, right and wrong ones.</summary>
internal static class HeaderBytes
{
    public static readonly IPEndPoint Client = IPEndPoint.Parse("192.0.2.1:1234");
    public static readonly IPEndPoint Server = IPEndPoint.Parse("198.51.100.2:443");

    public static byte[] Block(byte versionAndCommand, byte family, byte[] block, int? length = null)
    {
        byte[] bytes = [.. ProxyHeader.Signature, versionAndCommand, family, 0, 0, .. block];
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(14), (ushort)(length ?? block.Length));
        return bytes;
    }

    /// <summary>A header of a client with an IPv4 address, with TLVs.</summary>
    public static byte[] Ipv4(params byte[][] tlvs) =>
        Block(0x21, 0x11, [.. ProxyHeader.Create(ProxyProtocolVersion.V2, Client, Server)[16..], .. tlvs.SelectMany(static tlv => tlv)]);

    public static byte[] Tlv(byte type, params byte[] value) => [type, (byte)(value.Length >> 8), (byte)value.Length, .. value];

    /// <summary>The same header with its checksum put in, whose TLV is the last one and zero.</summary>
    public static byte[] WithChecksum(byte[] header)
    {
        byte[] bytes = [.. header];
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(bytes.Length - 4), Crc32C(bytes));
        return bytes;
    }

    /// <summary>Bit by bit (RFC 3309), to check the other way of computing it.</summary>
    public static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
            }
        }

        return ~crc;
    }
}
