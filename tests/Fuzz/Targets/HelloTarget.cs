using System.Buffers;
using System.Text;
using Fuzz.References;
using Yarp.Splice.Tls;

namespace Fuzz.Targets;

/// <summary>ClientHellos: built from the parts of RFC 8446, cut into records, changed; and read whole, byte by byte and in pieces.</summary>
internal sealed class HelloTarget : FuzzTarget
{
    /// <summary>Byte by byte costs a call each: longer ones go in pieces only.</summary>
    private const int LongestByteByByte = 1024;

    private static readonly string[] s_protocols = ["h2", "http/1.1", "h3", "acme-tls/1", "xmpp-client", "\u001a\u001a", "a"];

    private static readonly string[] s_names = ["example.com", "EXAMPLE.com.", "a", "xn--bcher-kva.example", "_x.example", "127.0.0.1", "*.example.com", "a..b"];

    public override string Name => "hello";

    public override FuzzCase Generate(FuzzRandom random)
    {
        var built = Build(random);
        return random.OneIn(3)
            ? built
            : new FuzzCase(Mutation.Apply(built.Input, random, Build(random).Input), null);
    }

    public override string? Check(FuzzCase input, FuzzRandom random)
    {
        var bytes = input.Input;
        var reader = default(ClientHelloReader);
        var status = reader.Read(new ReadOnlySequence<byte>(bytes), out var hello);
        var found = Describe(status, hello);
        var reference = ReferenceHello.Read(bytes);
        var expected = Describe(reference.Status, reference.Name, reference.Protocols);
        if (found != expected)
        {
            return $"read as {found}, and by the reference as {expected}";
        }

        if (input.Meaning is string meaning && found != meaning)
        {
            return $"read as {found}, and built as {meaning}";
        }

        // What is returned, and nothing for what is not.
        var limit = status != ClientHelloStatus.Complete ? 0
            : 128 + (2 * (hello.ServerName?.Length ?? 0)) + hello.Protocols.Sum(static protocol => 40 + (2 * protocol.Length));
        var allocated = Allocated(
            () =>
            {
                var again = default(ClientHelloReader);
                _ = again.Read(new ReadOnlySequence<byte>(bytes), out _);
            },
            limit);
        if (allocated > limit)
        {
            return $"{allocated} bytes were allocated for {found}";
        }

        return CheckPieces(bytes, found, random) ?? (bytes.Length <= LongestByteByByte ? CheckGrowth(bytes, found, random) : null);
    }

    /// <summary>One buffer that grows, as on ports of our own: byte by byte, or by a few.</summary>
    private static string? CheckGrowth(byte[] bytes, string expected, FuzzRandom random)
    {
        var largest = random.OneIn(2) ? 1 : random.Between(2, 40);
        var reader = default(ClientHelloReader);
        for (var length = 0; ;)
        {
            var status = reader.Read(new ReadOnlySequence<byte>(bytes, 0, length), out var hello);
            if (status != ClientHelloStatus.NeedMore || length == bytes.Length)
            {
                var found = Describe(status, hello);
                return found == expected ? null : $"read as {found} after {length} bytes that came {largest} at a time, and as {expected} at once";
            }

            length = Math.Min(length + random.Between(1, largest), bytes.Length);
        }
    }

    /// <summary>Segments, as in Kestrel's pipe.</summary>
    private static string? CheckPieces(byte[] bytes, string expected, FuzzRandom random)
    {
        var first = new Segment(default);
        var last = first;
        var reader = default(ClientHelloReader);
        var longest = random.OneIn(4) ? 8 : Math.Max(bytes.Length / 3, 16);
        for (var length = 0; ;)
        {
            var status = reader.Read(new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length), out var hello);
            if (status != ClientHelloStatus.NeedMore || length == bytes.Length)
            {
                var found = Describe(status, hello);
                return found == expected ? null : $"read as {found} after {length} bytes in segments, and as {expected} at once";
            }

            var piece = Math.Min(random.Between(1, longest), bytes.Length - length);
            last = last.Append(bytes.AsMemory(length, piece));
            length += piece;
        }
    }

    private static FuzzCase Build(FuzzRandom random)
    {
        var isSound = true;
        string? name = null;
        var protocols = new List<string>();
        var extensions = new List<byte[]>();
        var count = random.OneIn(10) ? 0 : random.Between(1, 6);
        for (var i = 0; i < count; i++)
        {
            switch (random.Below(4))
            {
                case 0 when name is null:
                    var asked = random.OneIn(8) ? new string('x', random.Between(1, 260)) : random.Pick(s_names);
                    var plain = asked.TrimEnd('.');
                    isSound &= plain.Length <= 253;
                    name = plain.ToLowerInvariant();
                    extensions.Add(Extension(0, Vector(2, [0, .. Vector(2, Encoding.ASCII.GetBytes(asked))])));
                    break;
                case 1 when protocols.Count == 0:
                    var offered = random.OneIn(50) ? random.Between(200, 300) : random.Between(1, 4);
                    protocols.AddRange(Enumerable.Range(0, offered).Select(_ => random.Pick(s_protocols)));
                    isSound &= offered <= 256;
                    extensions.Add(Extension(16, Vector(2, [.. protocols.SelectMany(static protocol => Vector(1, Encoding.Latin1.GetBytes(protocol)))])));
                    break;
                default:
                    // Any other, GREASE (RFC 8701) and padding among them.
                    extensions.Add(Extension(random.Pick([0x1a1a, 10, 11, 13, 21, 35, 43, 45, 51, 0xfe0d]), random.Bytes(random.OneIn(40) ? random.Below(9000) : random.Below(40))));
                    break;
            }
        }

        var session = random.OneIn(20) ? random.Between(0, 40) : 32;
        isSound &= session <= 32;
        byte[] body =
        [
            3, 3, .. random.Bytes(32), .. Vector(1, random.Bytes(session)), .. Vector(2, random.Bytes(2 * random.Between(1, 20))), .. Vector(1, [0]),
            .. count == 0 && random.OneIn(2) ? [] : Vector(2, [.. extensions.SelectMany(static extension => extension)]),
        ];
        byte[] message = [1, (byte)(body.Length >> 16), (byte)(body.Length >> 8), (byte)body.Length, .. body];
        byte[] trailing = random.OneIn(4) ? random.Bytes(random.Below(40)) : [];
        var meaning = isSound ? Describe("Complete", name, protocols) : Describe("Malformed", null, []);
        return new FuzzCase([.. Records(message, random), .. trailing], meaning);
    }

    private static List<byte> Records(byte[] message, FuzzRandom random)
    {
        var bytes = new List<byte>(message.Length + 64);
        // Not so many that they were too many.
        var largest = message.Length <= 4096 && random.OneIn(3) ? random.Between(4, 200) : 1 << 14;
        for (var at = 0; at < message.Length;)
        {
            var size = Math.Min(largest == 1 << 14 ? largest : random.Between(1, largest), message.Length - at);
            bytes.AddRange([22, 3, (byte)random.Below(5), .. Vector(2, message[at..(at + size)])]);
            at += size;
        }

        return bytes;
    }

    private static byte[] Extension(int type, byte[] data) => [(byte)(type >> 8), (byte)type, .. Vector(2, data)];

    private static byte[] Vector(int lengthSize, byte[] data) =>
        lengthSize == 1 ? [(byte)data.Length, .. data] : [(byte)(data.Length >> 8), (byte)data.Length, .. data];

    private static string Describe(ClientHelloStatus status, ClientHello hello) => Describe(status.ToString(), hello.ServerName, hello.Protocols ?? []);

    private static string Describe(string status, string? name, IReadOnlyList<string> protocols) =>
        status != "Complete" ? status : $"'{name ?? "no name"}' with [{string.Join('|', protocols)}]";

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory) => Memory = memory;

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory) { RunningIndex = RunningIndex + Memory.Length };
            Next = next;
            return next;
        }
    }
}
