using FsCheck;
using FsCheck.Fluent;
using Yarp.Splice.Tls;

namespace Yarp.Splice.Tests.Tls;

/// <summary>What holds for any bytes in any pieces. A failure prints the smallest case that FsCheck finds, and the seed to repeat it.</summary>
public class ClientHelloReaderProperties
{
    private static readonly byte[][] s_recorded =
    [
        .. new[] { "curl.bin", "curl-address.bin", "openssl-trailing-dot.bin", "openssl-two-records.bin", "dotnet.bin", "chromium.bin" }
            .Select(HelloBytes.Recorded),
    ];

    private static readonly Gen<byte[]> s_hello = Gen.Elements(s_recorded);

    private static readonly Gen<int[]> s_sizes = Gen.NonEmptyListOf(Gen.Frequency(
        (3, Gen.Choose(1, 8)), (1, Gen.Choose(1, 700)))).Select(static sizes => sizes.ToArray());

    [Fact]
    public void Neither_segments_nor_records_change_what_is_read() => Check(
        from hello in s_hello
        from recordSizes in s_sizes
        from readSizes in s_sizes
        select (Hello: hello, Bytes: HelloBytes.Records(HelloBytes.Unwrap(hello), recordSizes), Sizes: readSizes),
        static input =>
        {
            var expected = Segments.ReadWhole(input.Hello).Hello;
            var (status, hello, length) = Segments.ReadInPieces(input.Bytes, input.Sizes);
            return status == ClientHelloStatus.Complete && length == input.Bytes.Length && hello.ServerName == expected.ServerName &&
                hello.Protocols.SequenceEqual(expected.Protocols);
        });

    [Fact]
    public void A_changed_hello_is_read_the_same_in_pieces_and_never_throws() => Check(
        from hello in s_hello
        from changes in Gen.NonEmptyListOf(Change())
        from sizes in s_sizes
        select (Bytes: changes.Aggregate(hello, static (bytes, change) => change(bytes)), Sizes: sizes),
        static input => IsSameInPieces(input.Bytes, input.Sizes));

    [Fact]
    public void Any_bytes_in_a_record_are_read_the_same_in_pieces_and_never_throw() => Check(
        from body in Gen.ArrayOf(Gen.Choose(0, 255).Select(static value => (byte)value))
        from start in Gen.Elements<byte[]>([], [22], [22, 3, 1], [22, 3, 3, 0, 200, 1, 0, 0, 190])
        from sizes in s_sizes
        select (Bytes: (byte[])[.. start, .. body], Sizes: sizes),
        static input => IsSameInPieces(input.Bytes, input.Sizes));

    [Fact]
    public void A_body_with_any_extensions_is_read_the_same_in_pieces_and_never_throws() => Check(
        from extensions in Gen.ListOf(
            from type in Gen.Elements<ushort>(HelloBytes.ServerName, HelloBytes.Alpn, HelloBytes.Grease)
            from data in Gen.ArrayOf(Gen.Frequency((1, Gen.Choose(0, 255)), (2, Gen.Choose(0, 12))).Select(static value => (byte)value))
            select HelloBytes.Extension(type, data))
        from sizes in s_sizes
        select (Bytes: HelloBytes.Record(HelloBytes.Body(extensions)), Sizes: sizes),
        static input => IsSameInPieces(input.Bytes, input.Sizes));

    [Fact]
    public void Every_name_that_is_read_is_normalised() => Check(
        from name in Gen.ArrayOf(Gen.Frequency((1, Gen.Choose(0, 255)), (8, Gen.Choose(0x2d, 0x7a))).Select(static value => (byte)value))
        select name,
        static name =>
        {
            var (status, hello) = Segments.ReadWhole(HelloBytes.Record(HelloBytes.Body([HelloBytes.Name(name)])));
            return status == ClientHelloStatus.Malformed || (hello.ServerName is { Length: > 0 and <= 253 } read &&
                read.All(static character => character is > ' ' and < '\x7f' and not (>= 'A' and <= 'Z')) &&
                name.Length - read.Length is 0 or 1);
        });

    private static void Check<T>(Gen<T> inputs, Func<T, bool> holds) =>
        FsCheck.Check.One(Config.QuickThrowOnFailure.WithMaxTest(1000), Prop.ForAll(Arb.From(inputs), holds));

    private static bool IsSameInPieces(byte[] bytes, int[] sizes)
    {
        var (status, hello) = Segments.ReadWhole(bytes);
        var pieces = Segments.ReadInPieces(bytes, sizes);
        return status == pieces.Status && hello.ServerName == pieces.Hello.ServerName &&
            (hello.Protocols ?? []).SequenceEqual(pieces.Hello.Protocols ?? []);
    }

    /// <summary>A byte set, some bytes cut out, put in, or the end cut off.</summary>
    private static Gen<Func<byte[], byte[]>> Change() =>
        from kind in Gen.Choose(0, 3)
        from position in Gen.Choose(0, 2000)
        from value in Gen.Choose(0, 255)
        from count in Gen.Choose(1, 20)
        select (Func<byte[], byte[]>)(bytes =>
        {
            var at = bytes.Length == 0 ? 0 : position % bytes.Length;
            var end = Math.Min(at + count, bytes.Length);
            return kind switch
            {
                0 when bytes.Length > 0 => [.. bytes[..at], (byte)value, .. bytes[(at + 1)..]],
                1 => [.. bytes[..at], .. bytes[end..]],
                2 => [.. bytes[..at], .. Enumerable.Repeat((byte)value, count), .. bytes[at..]],
                _ => bytes[..at],
            };
        });
}
