using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Yarp.Splice.ProxyProtocol;

namespace Yarp.Splice.Tests.ProxyProtocol;

/// <summary>What holds for any bytes in any pieces. A failure prints the smallest case that FsCheck finds, and the seed to repeat it.</summary>
public class ProxyHeaderReaderProperties
{
    private static readonly Gen<byte> s_byte = Gen.Choose(0, 255).Select(static value => (byte)value);

    [Fact]
    public void What_our_own_writer_writes_is_read_back() => Check(
        from version in Gen.Elements(ProxyProtocolVersion.V1, ProxyProtocolVersion.V2)
        from addresses in Addresses()
        from rest in Gen.ArrayOf(s_byte)
        select (version, addresses.Source, addresses.Destination, rest),
        static input =>
        {
            var written = ProxyHeader.Create(input.version, input.Source, input.Destination);
            return ProxyHeaderReader.Read([.. written, .. input.rest], out var header) == ProxyHeaderStatus.Complete &&
                header.Length == written.Length && input.Source.Equals(header.Source) && input.Destination.Equals(header.Destination);
        });

    [Fact]
    public void No_beginning_of_a_header_is_taken_for_one_or_refused() => Check(
        from header in Header()
        select header,
        static header => Enumerable.Range(0, header.Length).All(length =>
            ProxyHeaderReader.Read(header.AsSpan(0, length), out _) == ProxyHeaderStatus.NeedMore) &&
            ProxyHeaderReader.Read(header, out var read) == ProxyHeaderStatus.Complete && read.Length == header.Length);

    [Fact]
    public void A_changed_header_is_read_the_same_in_pieces_and_never_throws() => Check(
        from header in Header()
        from changes in Gen.NonEmptyListOf(
            from position in Gen.Choose(0, 60)
            from value in Gen.Frequency((1, s_byte), (2, Gen.Elements<byte>(0, 3, 12, 13, 10, 32, 48, 58, 255)))
            select (position, value))
        from rest in Gen.ArrayOf(s_byte)
        select (byte[])[.. changes.Aggregate(header, static (bytes, change) =>
            [.. bytes[..(change.position % bytes.Length)], change.value, .. bytes[((change.position % bytes.Length) + 1)..]]), .. rest],
        IsSameInPieces);

    [Fact]
    public void Any_bytes_are_read_the_same_in_pieces_and_never_throw() => Check(
        from start in Gen.Elements<byte[]>([], [.. "PROXY "u8], [.. "PROXY TCP4 "u8], [.. "PROXY TCP6 ::"u8], [.. ProxyHeader.Signature], [.. ProxyHeader.Signature, 0x21, 0x11, 0])
        from body in Gen.ArrayOf(Gen.Frequency((1, s_byte), (1, Gen.Elements([.. "0123456789abcdef.: \r\n"u8]))))
        select (byte[])[.. start, .. body],
        IsSameInPieces);

    /// <summary>Byte by byte there is one decision, and it is the same as with all bytes at once, whatever follows.</summary>
    private static bool IsSameInPieces(byte[] bytes)
    {
        var whole = ProxyHeaderReader.Read(bytes, out var header);
        for (var length = 0; length <= bytes.Length; length++)
        {
            var status = ProxyHeaderReader.Read(bytes.AsSpan(0, length), out var early);
            if (status != ProxyHeaderStatus.NeedMore)
            {
                return status == whole && early == header && early.Length <= length && early.Length <= ProxyHeaderReader.MaxLength;
            }
        }

        return whole == ProxyHeaderStatus.NeedMore;
    }

    private static Gen<byte[]> Header() =>
        from addresses in Addresses()
        from version in Gen.Choose(1, 3)
        from tlvs in Gen.ListOf(
            from type in Gen.Choose(4, 255)
            from value in Gen.ArrayOf(s_byte)
            select HeaderBytes.Tlv((byte)type, value))
        select version switch
        {
            1 => ProxyHeader.Create(ProxyProtocolVersion.V1, addresses.Source, addresses.Destination),
            2 => ProxyHeader.Create(ProxyProtocolVersion.V2, addresses.Source, addresses.Destination),
            _ => HeaderBytes.WithChecksum(HeaderBytes.Ipv4([.. tlvs, HeaderBytes.Tlv(3, new byte[4])])),
        };

    private static Gen<(IPEndPoint Source, IPEndPoint Destination)> Addresses() =>
        from size in Gen.Elements(4, 16)
        from source in EndPoint(size)
        from destination in EndPoint(size)
        select (source, destination);

    private static Gen<IPEndPoint> EndPoint(int size) =>
        from bytes in Gen.ArrayOf(Gen.Frequency((1, Gen.Constant<byte>(0)), (3, s_byte)), size)
        from port in Gen.Choose(0, 65535)
        let address = new IPAddress(bytes)
        where !address.IsIPv4MappedToIPv6
        select new IPEndPoint(address, port);

    private static void Check<T>(Gen<T> inputs, Func<T, bool> holds) =>
        FsCheck.Check.One(Config.QuickThrowOnFailure.WithMaxTest(1000), Prop.ForAll(Arb.From(inputs), holds));
}
