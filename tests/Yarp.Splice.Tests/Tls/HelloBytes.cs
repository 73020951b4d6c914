using System.Buffers.Binary;
using System.Text;

namespace Yarp.Splice.Tests.Tls;

/// <summary>Builds ClientHellos, right and wrong ones, and TLS records around them.</summary>
internal static class HelloBytes
{
    public const ushort ServerName = 0;
    public const ushort Alpn = 16;
    public const ushort Grease = 0x1a1a;

    /// <summary>A recorded hello.</summary>
    public static byte[] Recorded(string file) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Tls", "Hellos", file));

    /// <summary>A body with the given extensions, or without any extension block if they are <see langword="null"/>.</summary>
    public static byte[] Body(IEnumerable<byte[]>? extensions, int sessionId = 32, int cipherSuites = 6, int compressionMethods = 1) =>
    [
        3, 3, .. new byte[32],
        .. Vector8(new byte[sessionId]),
        .. Vector16(new byte[cipherSuites]),
        .. Vector8(new byte[compressionMethods]),
        .. extensions is null ? [] : Vector16([.. extensions.SelectMany(static extension => extension)]),
    ];

    public static byte[] Extension(ushort type, params byte[] data) => [(byte)(type >> 8), (byte)type, .. Vector16(data)];

    public static byte[] Name(string name) => Name(Encoding.Latin1.GetBytes(name));

    public static byte[] Name(params byte[] name) => Extension(ServerName, Vector16([0, .. Vector16(name)]));

    public static byte[] Protocols(params string[] protocols) => Extension(Alpn, Vector16([.. protocols.SelectMany(static protocol => Vector8(Encoding.Latin1.GetBytes(protocol)))]));

    /// <summary>The handshake message, without a record.</summary>
    public static byte[] Message(byte[] body, byte type = 1) => [type, (byte)(body.Length >> 16), (byte)(body.Length >> 8), (byte)body.Length, .. body];

    /// <summary>A handshake message in records of the sizes given, the last of which repeats.</summary>
    public static byte[] Records(byte[] message, params int[] sizes)
    {
        var bytes = new List<byte>();
        for (int offset = 0, i = 0; offset < message.Length; i++)
        {
            var size = Math.Min(sizes[Math.Min(i, sizes.Length - 1)], message.Length - offset);
            bytes.AddRange([22, 3, 1, .. Vector16(message[offset..(offset + size)])]);
            offset += size;
        }

        return [.. bytes];
    }

    public static byte[] Record(byte[] body) => Records(Message(body), 1 << 14);

    /// <summary>The handshake message out of a recording, which may have several records.</summary>
    public static byte[] Unwrap(byte[] records)
    {
        var message = new List<byte>();
        for (var offset = 0; offset < records.Length;)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(records.AsSpan(offset + 3));
            message.AddRange(records[(offset + 5)..(offset + 5 + length)]);
            offset += 5 + length;
        }

        return [.. message];
    }

    public static byte[] Vector8(byte[] bytes) => [(byte)bytes.Length, .. bytes];

    public static byte[] Vector16(byte[] bytes) => [(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
}
