using System.Buffers.Binary;

namespace Yarp.Splice.ProxyProtocol;

/// <summary>
/// Finds the PROXY protocol header that a connection begins with, of either version, however it is cut into reads. Never throws, and decides with the
/// first byte that cannot be one of a header, so that a client which sends something else does not wait.
/// </summary>
/// <remarks>
/// "The PROXY protocol, versions 1 &amp; 2", haproxy.org. It keeps no state: a call that is made too early looks at 107 bytes of version 1, or at the 16 of
/// version 2 that tell the length.
/// </remarks>
internal static class ProxyHeaderReader
{
    /// <summary>
    /// The most bytes of a header: a version 2 one with 4 KiB of addresses and TLVs. The specification allows 64 KiB, and expects senders to stay below
    /// 536 bytes (section 2); peers send some hundred.
    /// </summary>
    public const int MaxLength = PrefixLength + MaxBlock;

    /// <summary>Signature, version and command, family and transport, length (section 2.2).</summary>
    private const int PrefixLength = 16;
    private const int MaxBlock = 4096;

    /// <summary>Enough for two IPv6 addresses in full (section 2.1).</summary>
    private const int MaxLine = 107;

    private static ReadOnlySpan<byte> LineStart => "PROXY "u8;

    /// <summary>Looks at what has arrived, from the first byte of the connection on.</summary>
    /// <param name="bytes">All of it, or at least its first <see cref="MaxLength"/> bytes.</param>
    /// <param name="header">The header, if the status is <see cref="ProxyHeaderStatus.Complete"/>.</param>
    public static ProxyHeaderStatus Read(ReadOnlySpan<byte> bytes, out ReceivedProxyHeader header)
    {
        header = default;
        if (bytes.IsEmpty)
        {
            return ProxyHeaderStatus.NeedMore;
        }

        return bytes[0] == LineStart[0] ? ReadText(bytes, out header) : ReadBinary(bytes, out header);
    }

    private static ProxyHeaderStatus ReadText(ReadOnlySpan<byte> bytes, out ReceivedProxyHeader header)
    {
        header = default;
        if (!IsPrefix(bytes, LineStart))
        {
            return ProxyHeaderStatus.Malformed;
        }

        var line = bytes[..Math.Min(bytes.Length, MaxLine)];
        var end = line.IndexOf("\r\n"u8);
        if (end >= 0)
        {
            return ProxyHeaderLine.TryParse(line[LineStart.Length..end], end + 2, out header) ? ProxyHeaderStatus.Complete : ProxyHeaderStatus.Malformed;
        }

        return line.Length == MaxLine ? ProxyHeaderStatus.Malformed : ProxyHeaderStatus.NeedMore;
    }

    private static ProxyHeaderStatus ReadBinary(ReadOnlySpan<byte> bytes, out ReceivedProxyHeader header)
    {
        header = default;
        if (!IsPrefix(bytes, ProxyHeader.Signature) ||
            (bytes.Length > ProxyHeader.Signature.Length && bytes[ProxyHeader.Signature.Length] >> 4 != ProxyHeaderBlock.Version))
        {
            return ProxyHeaderStatus.Malformed;
        }

        if (bytes.Length < PrefixLength)
        {
            return ProxyHeaderStatus.NeedMore;
        }

        var block = BinaryPrimitives.ReadUInt16BigEndian(bytes[(PrefixLength - sizeof(ushort))..]);
        if (block > MaxBlock)
        {
            return ProxyHeaderStatus.Malformed;
        }

        if (bytes.Length < PrefixLength + block)
        {
            return ProxyHeaderStatus.NeedMore;
        }

        return ProxyHeaderBlock.TryParse(bytes[..(PrefixLength + block)], PrefixLength, out header) ? ProxyHeaderStatus.Complete : ProxyHeaderStatus.Malformed;
    }

    private static bool IsPrefix(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> expected)
    {
        var length = Math.Min(bytes.Length, expected.Length);
        return bytes[..length].SequenceEqual(expected[..length]);
    }
}
