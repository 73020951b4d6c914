using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;

namespace Fuzz.References;

/// <summary>
/// A second reader of PROXY protocol headers, from the specification, on strings and lists. Addresses of version 1 are inet_pton(3)'s, as the specification
/// has it.
/// </summary>
internal static partial class ReferenceProxyHeader
{
    private const int LargestBlock = 4096;
    private const int AF_INET = 2;
    private const int AF_INET6 = 10;

    private static readonly byte[] s_signature = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10];

    /// <returns>The status by its name; of a whole header its length, and its addresses if it has any that count.</returns>
    public static (string Status, int Length, IPEndPoint? Source, IPEndPoint? Destination) Read(byte[] bytes)
    {
        if (bytes.Length == 0)
        {
            return ("NeedMore", 0, null, null);
        }

        return bytes[0] == 'P' ? ReadLine(Encoding.Latin1.GetString(bytes)) : ReadBlock(bytes);
    }

    private static (string, int, IPEndPoint?, IPEndPoint?) ReadLine(string text)
    {
        const string Start = "PROXY ";
        var malformed = ("Malformed", 0, (IPEndPoint?)null, (IPEndPoint?)null);
        if (!Start.StartsWith(text[..Math.Min(text.Length, Start.Length)], StringComparison.Ordinal))
        {
            return malformed;
        }

        var end = text.IndexOf("\r\n", StringComparison.Ordinal);
        if (end < 0 || end > 105)
        {
            return text.Length >= 107 ? malformed : ("NeedMore", 0, null, null);
        }

        var words = text[Start.Length..end].Split(' ');
        if (words[0] == "UNKNOWN")
        {
            return ("Complete", end + 2, null, null);
        }

        var family = words[0] == "TCP4" ? AF_INET : words[0] == "TCP6" ? AF_INET6 : 0;
        return family != 0 && words.Length == 5 && Address(family, words[1]) is { } source && Address(family, words[2]) is { } destination &&
            Port(words[3]) is { } sourcePort && Port(words[4]) is { } destinationPort
            ? ("Complete", end + 2, new IPEndPoint(source, sourcePort), new IPEndPoint(destination, destinationPort))
            : malformed;
    }

    private static IPAddress? Address(int family, string text)
    {
        var bytes = new byte[family == AF_INET ? 4 : 16];
        return !text.Contains('\0', StringComparison.Ordinal) && inet_pton(family, text, bytes) == 1 ? new IPAddress(bytes) : null;
    }

    /// <summary>A number that reads back as it was written.</summary>
    private static int? Port(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= 65_535 &&
        port.ToString(CultureInfo.InvariantCulture) == text ? port : null;

    private static (string, int, IPEndPoint?, IPEndPoint?) ReadBlock(byte[] bytes)
    {
        var malformed = ("Malformed", 0, (IPEndPoint?)null, (IPEndPoint?)null);
        for (var i = 0; i < Math.Min(bytes.Length, s_signature.Length); i++)
        {
            if (bytes[i] != s_signature[i])
            {
                return malformed;
            }
        }

        if (bytes.Length > 12 && bytes[12] / 16 != 2)
        {
            return malformed;
        }

        var length = bytes.Length < 16 ? 0 : (bytes[14] * 256) + bytes[15];
        if (length > LargestBlock)
        {
            return malformed;
        }

        if (bytes.Length < 16 + length)
        {
            return ("NeedMore", 0, null, null);
        }

        var (command, family, transport) = (bytes[12] % 16, bytes[13] / 16, bytes[13] % 16);
        if (command == 0)
        {
            return ("Complete", 16 + length, null, null);
        }

        if (command > 1 || family > 3 || transport > 2)
        {
            return malformed;
        }

        if (family == 0)
        {
            return ("Complete", 16 + length, null, null);
        }

        var size = family switch
        {
            1 => 4,
            2 => 16,
            _ => 108,
        };
        var tlvs = 16 + (2 * size) + (family == 3 ? 0 : 4);
        if (16 + length < tlvs || !HasSoundTlvs(bytes[..(16 + length)], tlvs))
        {
            return malformed;
        }

        if (transport != 1 || family == 3)
        {
            return ("Complete", 16 + length, null, null);
        }

        return ("Complete", 16 + length, EndPoint(16, 16 + (2 * size)), EndPoint(16 + size, 18 + (2 * size)));

        IPEndPoint EndPoint(int address, int port) => new(new IPAddress(bytes[address..(address + size)]), (bytes[port] * 256) + bytes[port + 1]);
    }

    private static bool HasSoundTlvs(byte[] header, int at)
    {
        var checksum = -1;
        while (at < header.Length)
        {
            if (at + 3 > header.Length)
            {
                return false;
            }

            var length = (header[at + 1] * 256) + header[at + 2];
            if (at + 3 + length > header.Length || (header[at] == 3 && (length != 4 || checksum >= 0)))
            {
                return false;
            }

            checksum = header[at] == 3 ? at + 3 : checksum;
            at += 3 + length;
        }

        if (checksum < 0)
        {
            return true;
        }

        var said = header[checksum..(checksum + 4)];
        var zeroed = (byte[])header.Clone();
        Array.Clear(zeroed, checksum, 4);
        return said.SequenceEqual(Checksum(zeroed));
    }

    /// <summary>CRC32c bit by bit (RFC 3309), as it stands in a header.</summary>
    public static byte[] Checksum(byte[] bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
            }
        }

        crc = ~crc;
        return [(byte)(crc >> 24), (byte)(crc >> 16), (byte)(crc >> 8), (byte)crc];
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int inet_pton(int family, string text, byte[] address);
}
