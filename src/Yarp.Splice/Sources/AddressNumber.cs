using System.Buffers.Binary;
using System.Net;

namespace Yarp.Splice.Sources;

/// <summary>
/// An IP address as a number within its family, to be compared with others. IPv4 addresses that are mapped to IPv6, as a dual-mode socket shows
/// them (RFC 4291, section 2.5.5.2), are IPv4; a scope is not looked at.
/// </summary>
internal readonly record struct AddressNumber(bool IsIpv4, UInt128 Value)
{
    private const int Ipv4Bytes = 4;
    private const int Ipv6Bytes = 16;

    public static AddressNumber Of(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[Ipv6Bytes];
        _ = address.TryWriteBytes(bytes, out var length);
        var isMapped = address.IsIPv4MappedToIPv6;
        return isMapped || length == Ipv4Bytes
            ? new AddressNumber(true, BinaryPrimitives.ReadUInt32BigEndian(isMapped ? bytes[^Ipv4Bytes..] : bytes))
            : new AddressNumber(false, BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }

    public IPAddress ToAddress()
    {
        Span<byte> bytes = stackalloc byte[Ipv6Bytes];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, Value);
        return new IPAddress(IsIpv4 ? bytes[^Ipv4Bytes..] : bytes);
    }
}
