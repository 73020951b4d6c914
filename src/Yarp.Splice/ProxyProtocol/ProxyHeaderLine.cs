using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;

namespace Yarp.Splice.ProxyProtocol;

/// <summary>
/// The line of version 1 (section 2.1): one space between its parts, addresses as inet_pton(3) takes them, ports in decimal without leading zeros.
/// As strict as that, so that what one reader takes for an address no other takes for another.
/// </summary>
internal static class ProxyHeaderLine
{
    private const int Parts = 5;

    /// <param name="line">What stands between <c>PROXY</c> with its space and the end of the line.</param>
    /// <param name="length">The length of the whole line.</param>
    /// <param name="header">What it says.</param>
    public static bool TryParse(ReadOnlySpan<byte> line, int length, out ReceivedProxyHeader header)
    {
        header = new ReceivedProxyHeader(length, null, null);
        if (line.StartsWith("UNKNOWN"u8) && (line.Length == 7 || line[7] == ' '))
        {
            // Whatever follows is to be ignored.
            return true;
        }

        Span<Range> parts = stackalloc Range[Parts + 1];
        if (Split(line, parts) != Parts || Family(line[parts[0]]) is not { } family ||
            !TryParseAddress(line[parts[1]], family, out var source) || !TryParseAddress(line[parts[2]], family, out var destination) ||
            !TryParsePort(line[parts[3]], out var sourcePort) || !TryParsePort(line[parts[4]], out var destinationPort))
        {
            return false;
        }

        header = new ReceivedProxyHeader(length, new IPEndPoint(source, sourcePort), new IPEndPoint(destination, destinationPort));
        return true;
    }

    private static int Split(ReadOnlySpan<byte> line, Span<Range> parts)
    {
        var count = 0;
        foreach (var part in line.Split((byte)' '))
        {
            if (count == parts.Length)
            {
                break;
            }

            parts[count++] = part;
        }

        return count;
    }

    private static AddressFamily? Family(ReadOnlySpan<byte> word) =>
        word.SequenceEqual("TCP4"u8) ? AddressFamily.InterNetwork : word.SequenceEqual("TCP6"u8) ? AddressFamily.InterNetworkV6 : null;

    private static bool TryParseAddress(ReadOnlySpan<byte> text, AddressFamily family, out IPAddress address)
    {
        address = IPAddress.None;
        Span<char> characters = stackalloc char[text.Length];
        for (var i = 0; i < text.Length; i++)
        {
            characters[i] = (char)text[i];
            if (!char.IsAsciiHexDigit(characters[i]) && characters[i] is not ('.' or ':'))
            {
                // IPAddress would also take scopes and brackets.
                return false;
            }
        }

        if (!IPAddress.TryParse(characters, out var parsed) || parsed.AddressFamily != family)
        {
            return false;
        }

        address = parsed;
        if (family == AddressFamily.InterNetwork)
        {
            return IsStrict(characters, parsed);
        }

        // An IPv6 address may end in an IPv4 one, and there, too, IPAddress takes more.
        var tail = characters[(characters.LastIndexOf(':') + 1)..];
        return !tail.Contains('.') || (IPAddress.TryParse(tail, out var ipv4) && IsStrict(tail, ipv4));
    }

    /// <summary>Four decimal numbers without leading zeros read back as they were written; octal and hexadecimal ones, and fewer than four, do not.</summary>
    private static bool IsStrict(ReadOnlySpan<char> text, IPAddress parsed) => text.SequenceEqual(parsed.ToString());

    private static bool TryParsePort(ReadOnlySpan<byte> text, out ushort port) =>
        Utf8Parser.TryParse(text, out port, out var length) && length == text.Length && (text.Length == 1 || text[0] is >= (byte)'1' and <= (byte)'9');
}
