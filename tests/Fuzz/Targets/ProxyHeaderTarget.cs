using System.Globalization;
using System.Net;
using System.Text;
using Fuzz.References;
using Yarp.Splice.ProxyProtocol;

namespace Fuzz.Targets;

/// <summary>PROXY protocol headers of both versions, also for Unix sockets and datagrams, with TLVs and checksums.</summary>
internal sealed class ProxyHeaderTarget : FuzzTarget
{
    private const int MostAllocated = 1024;

    private static readonly string[] s_addresses =
    [
        "192.0.2.1", "0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::1", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8", "fe80::1%eth0", "010.0.0.1", "1.2.3",
        "::1.2.3.04", "1::2::3", "12345::", ":1", "1:", "1:2:3:4:5:6:7::8", "1:2:3:4:5:6:1.2.3.4", "::1.2.3.4.5", "0x7f.1", "[::1]", "1:2:3:4:5:6:7:8:9",
    ];

    private static readonly string[] s_ports = ["0", "80", "65535", "65536", "00", "080", "+1", "-1", "99999", "", "1e3"];

    public override string Name => "proxy";

    public override FuzzCase Generate(FuzzRandom random)
    {
        var built = Build(random);
        return random.OneIn(3) ? built : new FuzzCase(Mutation.Apply(built.Input, random, Build(random).Input), null);
    }

    public override string? Check(FuzzCase input, FuzzRandom random)
    {
        var bytes = input.Input;
        var status = ProxyHeaderReader.Read(bytes, out var header);
        var found = Describe(status.ToString(), header.Length, header.Source, header.Destination);
        var reference = ReferenceProxyHeader.Read(bytes);
        var expected = Describe(reference.Status, reference.Length, reference.Source, reference.Destination);
        if (found != expected)
        {
            return $"read as {found}, and by the reference as {expected}";
        }

        if (input.Meaning is string meaning && found != meaning)
        {
            return $"read as {found}, and built as {meaning}";
        }

        var allocated = Allocated(() => ProxyHeaderReader.Read(bytes, out _), MostAllocated);
        if (allocated > MostAllocated)
        {
            return $"{allocated} bytes were allocated";
        }

        for (var length = 0; length < bytes.Length; length++)
        {
            status = ProxyHeaderReader.Read(bytes.AsSpan(0, length), out header);
            if (status != ProxyHeaderStatus.NeedMore)
            {
                var early = Describe(status.ToString(), header.Length, header.Source, header.Destination);
                return early == found ? null : $"read as {early} after {length} bytes, and as {found} at once";
            }
        }

        return null;
    }

    private static FuzzCase Build(FuzzRandom random)
    {
        byte[] trailing = random.OneIn(2) ? random.Bytes(random.Below(30)) : [];
        if (random.OneIn(4))
        {
            // Any words: the reference tells whether they are right.
            var line = $"PROXY {random.Pick(["TCP4", "TCP6", "UNKNOWN", "UDP4"])} {random.Pick(s_addresses)} {random.Pick(s_addresses)} " +
                $"{random.Pick(s_ports)} {random.Pick(s_ports)}\r\n";
            return new FuzzCase([.. Encoding.ASCII.GetBytes(line), .. trailing], null);
        }

        var size = random.OneIn(2) ? 4 : 16;
        var (source, destination) = (EndPoint(random, size), EndPoint(random, size));
        if (random.OneIn(3))
        {
            var line = string.Create(CultureInfo.InvariantCulture,
                $"PROXY TCP{(size == 4 ? 4 : 6)} {source.Address} {destination.Address} {source.Port} {destination.Port}\r\n");
            return new FuzzCase([.. Encoding.ASCII.GetBytes(line), .. trailing], Describe("Complete", line.Length, source, destination));
        }

        return BuildBlock(random, source, destination, trailing);
    }

    private static FuzzCase BuildBlock(FuzzRandom random, IPEndPoint source, IPEndPoint destination, byte[] trailing)
    {
        var isLocal = random.OneIn(6);
        var isUnix = random.OneIn(6);
        var transport = random.OneIn(6) ? 2 : 1;
        var size = source.Address.GetAddressBytes().Length;
        byte[] addresses = isUnix
            ? random.Bytes(216)
            : [.. source.Address.GetAddressBytes(), .. destination.Address.GetAddressBytes(), .. Port(source), .. Port(destination)];
        var tlvs = new List<byte>();
        for (var i = random.Below(4); i > 0; i--)
        {
            var value = random.Bytes(random.OneIn(30) ? random.Below(2000) : random.Below(30));
            tlvs.AddRange([(byte)random.Between(4, 255), (byte)(value.Length >> 8), (byte)value.Length, .. value]);
        }

        var isLong = addresses.Length + tlvs.Count + 7 > 4096;
        var hasChecksum = !isLong && random.OneIn(2);
        if (hasChecksum)
        {
            tlvs.AddRange([3, 0, 4, 0, 0, 0, 0]);
        }

        var length = addresses.Length + tlvs.Count;
        byte[] header =
        [
            .. ProxyHeader.Signature, (byte)(isLocal ? 0x20 : 0x21), (byte)(((isUnix ? 3 : size == 4 ? 1 : 2) * 16) + transport),
            (byte)(length >> 8), (byte)length, .. addresses, .. tlvs,
        ];
        if (hasChecksum)
        {
            ReferenceProxyHeader.Checksum(header).CopyTo(header, header.Length - 4);
        }

        var counts = !isLocal && !isUnix && transport == 1;
        var meaning = length > 4096 ? Describe("Malformed", 0, null, null) : Describe("Complete", header.Length, counts ? source : null, counts ? destination : null);
        return new FuzzCase([.. header, .. trailing], meaning);
    }

    private static byte[] Port(IPEndPoint endPoint) => [(byte)(endPoint.Port >> 8), (byte)endPoint.Port];

    private static IPEndPoint EndPoint(FuzzRandom random, int size) => new(new IPAddress(random.OneIn(4) ? new byte[size] : random.Bytes(size)), random.Below(65_536));

    private static string Describe(string status, int length, IPEndPoint? source, IPEndPoint? destination) =>
        status != "Complete" ? status : string.Create(CultureInfo.InvariantCulture, $"{length} bytes, {source?.ToString() ?? "nobody"} to {destination?.ToString() ?? "nobody"}");
}
