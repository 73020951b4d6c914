using System.Text;

namespace Yarp.Splice.Tls;

/// <summary>
/// The body of a ClientHello (RFC 8446, section 4.1.2). As strict as a server about everything that says where the bytes are: a proxy that reads
/// a name out of a hello that the server reads differently, or refuses, could be led to the wrong place.
/// </summary>
internal static class ClientHelloMessage
{
    private const int VersionAndRandom = 2 + 32;
    private const int MaxSessionId = 32;
    private const ushort ServerNameExtension = 0;
    private const ushort ProtocolsExtension = 16;
    private const byte HostNameType = 0;

    /// <summary>Names in the DNS have at most 253 characters without the trailing dot (RFC 1035, section 2.3.4).</summary>
    private const int MaxName = 253;

    /// <summary>Clients offer two or three, and fewer than a hundred are registered. Without a limit, a hello of 64 KiB would be worth a megabyte of strings.</summary>
    private const int MaxProtocols = 256;

    public static bool TryParse(ReadOnlySpan<byte> body, out ClientHello hello)
    {
        hello = default;
        var reader = new VectorReader(body);
        if (!reader.TrySkip(VersionAndRandom) ||
            !reader.TryReadVector8(out var sessionId) || sessionId.Length > MaxSessionId ||
            !reader.TryReadVector16(out var cipherSuites) || cipherSuites.IsEmpty || cipherSuites.Length % 2 != 0 ||
            !reader.TryReadVector8(out var compressionMethods) || compressionMethods.IsEmpty)
        {
            return false;
        }

        if (reader.IsAtEnd)
        {
            // Before TLS 1.3, a hello may end without extensions (RFC 5246, section 7.4.1.2).
            hello = new ClientHello(null, []);
            return true;
        }

        return reader.TryReadVector16(out var extensions) && reader.IsAtEnd && TryParseExtensions(extensions, out hello);
    }

    private static bool TryParseExtensions(ReadOnlySpan<byte> extensions, out ClientHello hello)
    {
        hello = default;
        // Strings are made last, of a hello that is sound: a wrong one costs no memory.
        var host = ReadOnlySpan<byte>.Empty;
        var protocols = ReadOnlySpan<byte>.Empty;
        var protocolCount = 0;
        var reader = new VectorReader(extensions);
        while (!reader.IsAtEnd)
        {
            if (!reader.TryReadUInt16(out var type) || !reader.TryReadVector16(out var data))
            {
                return false;
            }

            // Two of a kind are an error (RFC 8446, section 4.2), and which of two names counts would be anyone's guess.
            var isUsable = type switch
            {
                ServerNameExtension => host.IsEmpty && TryParseServerName(data, out host),
                ProtocolsExtension => protocols.IsEmpty && TryParseProtocols(data, out protocols, out protocolCount),
                _ => true,
            };
            if (!isUsable)
            {
                return false;
            }
        }

        hello = new ClientHello(host.IsEmpty ? null : Normalise(host), Describe(protocols, protocolCount));
        return true;
    }

    /// <summary>One name of the only type that is defined. Another type's length is not known to come first, so nothing can follow it.</summary>
    private static bool TryParseServerName(ReadOnlySpan<byte> data, out ReadOnlySpan<byte> host)
    {
        host = default;
        var extension = new VectorReader(data);
        if (!extension.TryReadVector16(out var list) || !extension.IsAtEnd)
        {
            return false;
        }

        var reader = new VectorReader(list);
        if (!reader.TryReadByte(out var type) || type != HostNameType || !reader.TryReadVector16(out host) || !reader.IsAtEnd)
        {
            return false;
        }

        host = host is [.., (byte)'.'] ? host[..^1] : host;
        // Anything visible in ASCII, as underscores are in use; what is no name in the DNS matches no route.
        return host.Length is > 0 and <= MaxName && !host.ContainsAnyExceptInRange((byte)0x21, (byte)0x7e);
    }

    private static string Normalise(ReadOnlySpan<byte> host) =>
        string.Create(host.Length, host, static (characters, bytes) => Ascii.ToLower(bytes, characters, out _));

    private static bool TryParseProtocols(ReadOnlySpan<byte> data, out ReadOnlySpan<byte> list, out int count)
    {
        count = 0;
        var extension = new VectorReader(data);
        if (!extension.TryReadVector16(out list) || !extension.IsAtEnd || list.IsEmpty)
        {
            return false;
        }

        var reader = new VectorReader(list);
        while (!reader.IsAtEnd)
        {
            if (!reader.TryReadVector8(out var protocol) || protocol.IsEmpty || ++count > MaxProtocols)
            {
                return false;
            }
        }

        return true;
    }

    private static string[] Describe(ReadOnlySpan<byte> list, int count)
    {
        if (count == 0)
        {
            return [];
        }

        var protocols = new string[count];
        var reader = new VectorReader(list);
        for (var i = 0; i < count; i++)
        {
            _ = reader.TryReadVector8(out var protocol);
            protocols[i] = Describe(protocol);
        }

        return protocols;
    }

    // Nearly every hello offers these two.
    private static string Describe(ReadOnlySpan<byte> protocol) =>
        protocol.SequenceEqual("h2"u8) ? "h2" : protocol.SequenceEqual("http/1.1"u8) ? "http/1.1" : Encoding.Latin1.GetString(protocol);
}
