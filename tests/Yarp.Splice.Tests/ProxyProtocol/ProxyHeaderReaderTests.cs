using System.Net;
using System.Text;
using Yarp.Splice.ProxyProtocol;

namespace Yarp.Splice.Tests.ProxyProtocol;

public class ProxyHeaderReaderTests
{
    private const string Longest = "PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n";

    [Theory]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\n", "192.0.2.1:1234", "198.51.100.2:443")]
    [InlineData("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", "0.0.0.0:0", "255.255.255.255:65535")]
    [InlineData("PROXY TCP6 2001:db8::1 ::1 65535 1\r\n", "[2001:db8::1]:65535", "[::1]:1")]
    [InlineData("PROXY TCP6 2001:DB8:0:0:0:0:0:A ::ffff:192.0.2.1 1 2\r\n", "[2001:db8::a]:1", "[::ffff:192.0.2.1]:2")]
    [InlineData("PROXY UNKNOWN\r\n", null, null)]
    [InlineData("PROXY UNKNOWN ffff::1 whatever it is\t\0\r\n", null, null)]
    public void Read_of_version_1_reads_the_line_and_nothing_behind_it(string line, string? source, string? destination)
    {
        var bytes = Encoding.ASCII.GetBytes(line + "GET / HTTP/1.1\r\n\r\n");
        Assert.Equal(ProxyHeaderStatus.Complete, ProxyHeaderReader.Read(bytes, out var header));
        Assert.Equal((line.Length, source, destination), (header.Length, header.Source?.ToString(), header.Destination?.ToString()));
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n")]
    [InlineData("PROXYTCP4 192.0.2.1 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY\r\n")]
    [InlineData("PROXY \r\n")]
    [InlineData("proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY tcp4 192.0.2.1 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY UNKNOWNS\r\n")]
    [InlineData("PROXY  TCP4 192.0.2.1 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n")]
    [InlineData("PROXY TCP6 ::ffff:192.0.2.01 ::1 1 2\r\n")]
    [InlineData("PROXY TCP6 ::1 64:ff9b::192.0.2.0x1 1 2\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 1 -1\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 1 +1\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 1 0x2\r\n")]
    [InlineData("PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY TCP4 192.0.513 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY TCP4 ::1 ::1 1 2\r\n")]
    [InlineData("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY TCP6 ::1%1 ::1 1 2\r\n")]
    [InlineData("PROXY TCP6 [::1] ::1 1 2\r\n")]
    [InlineData("PROXY TCP6 ::g ::1 1 2\r\n")]
    [InlineData("PROXY TCP6 ::ffff:192.0.02.1 ::1 1 2\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 1\t2\r\n")]
    public void Read_refuses_a_line_that_is_not_exactly_so(string line) =>
        Assert.Equal(ProxyHeaderStatus.Malformed, ProxyHeaderReader.Read(Encoding.ASCII.GetBytes(line), out _));

    [Fact]
    public void Read_takes_a_line_of_107_bytes_and_refuses_a_longer_one_when_its_107th_byte_is_there()
    {
        var longest = Longest.Replace("f...f", "ffff:ffff:ffff:ffff:ffff:ffff", StringComparison.Ordinal);
        Assert.Equal(104, longest.Length);
        Assert.Equal(ProxyHeaderStatus.Complete, ProxyHeaderReader.Read(Encoding.ASCII.GetBytes(longest), out _));
        var unknown = "PROXY UNKNOWN " + new string('x', 91);
        Assert.Equal(ProxyHeaderStatus.Complete, ProxyHeaderReader.Read(Encoding.ASCII.GetBytes(unknown + "\r\n"), out _));
        Assert.Equal(ProxyHeaderStatus.NeedMore, ProxyHeaderReader.Read(Encoding.ASCII.GetBytes(unknown + "\r"), out _));
        Assert.Equal(ProxyHeaderStatus.Malformed, ProxyHeaderReader.Read(Encoding.ASCII.GetBytes(unknown + "xx"), out _));
        Assert.Equal(ProxyHeaderStatus.Malformed, ProxyHeaderReader.Read(Encoding.ASCII.GetBytes(unknown + "x\r\n"), out _));
    }

    public static TheoryData<string, byte[], string?, string?> Blocks() => new()
    {
        { "IPv4", HeaderBytes.Ipv4(), "192.0.2.1:1234", "198.51.100.2:443" },
        { "IPv4 with TLVs", HeaderBytes.Ipv4(HeaderBytes.Tlv(0x01, [.. "h2"u8]), HeaderBytes.Tlv(0xE0), HeaderBytes.Tlv(0x20, new byte[300])), "192.0.2.1:1234", "198.51.100.2:443" },
        { "4 KiB", HeaderBytes.Ipv4(HeaderBytes.Tlv(0x04, new byte[4096 - 12 - 3])), "192.0.2.1:1234", "198.51.100.2:443" },
        { "IPv6", ProxyHeader.Create(ProxyProtocolVersion.V2, IPEndPoint.Parse("[2001:db8::1]:1"), IPEndPoint.Parse("[::1]:2")), "[2001:db8::1]:1", "[::1]:2" },
        { "right checksum", HeaderBytes.WithChecksum(HeaderBytes.Ipv4(HeaderBytes.Tlv(0x02, [.. "a.example"u8]), HeaderBytes.Tlv(0x03, new byte[4]))), "192.0.2.1:1234", "198.51.100.2:443" },
        { "LOCAL", HeaderBytes.Block(0x20, 0x00, []), null, null },
        { "LOCAL with addresses", HeaderBytes.Block(0x20, 0x11, new byte[12]), null, null },
        { "LOCAL with anything", HeaderBytes.Block(0x20, 0xFF, new byte[7]), null, null },
        { "unspecified", HeaderBytes.Block(0x21, 0x00, []), null, null },
        { "unspecified with anything", HeaderBytes.Block(0x21, 0x01, new byte[5]), null, null },
        { "Unix", HeaderBytes.Block(0x21, 0x31, new byte[216]), null, null },
        { "datagram", HeaderBytes.Block(0x21, 0x12, new byte[12]), null, null },
    };

    [Theory]
    [MemberData(nameof(Blocks))]
    public void Read_of_version_2_reads_the_block_and_nothing_behind_it(string what, byte[] block, string? source, string? destination)
    {
        Assert.Equal(ProxyHeaderStatus.Complete, ProxyHeaderReader.Read([.. block, .. "SSH-2.0-x\r\n"u8], out var header));
        Assert.Equal((what, block.Length, source, destination), (what, header.Length, header.Source?.ToString(), header.Destination?.ToString()));
    }

    public static TheoryData<string, byte[]> WrongBlocks() => new()
    {
        { "version 1", HeaderBytes.Block(0x11, 0x11, new byte[12]) },
        { "version 3", HeaderBytes.Block(0x31, 0x11, new byte[12]) },
        { "reserved command", HeaderBytes.Block(0x22, 0x11, new byte[12]) },
        { "reserved family", HeaderBytes.Block(0x21, 0x41, new byte[12]) },
        { "reserved transport", HeaderBytes.Block(0x21, 0x13, new byte[12]) },
        { "short IPv4", HeaderBytes.Block(0x21, 0x11, new byte[11]) },
        { "short IPv6", HeaderBytes.Block(0x21, 0x21, new byte[35]) },
        { "short Unix", HeaderBytes.Block(0x21, 0x31, new byte[215]) },
        { "TLV without a length", HeaderBytes.Ipv4([0x01, 0]) },
        { "TLV past the end", HeaderBytes.Ipv4([0x01, 0, 5, 1, 2, 3, 4]) },
        { "oversized TLV", HeaderBytes.Ipv4(HeaderBytes.Tlv(0x04, new byte[4096 - 12 - 2])) },
        { "oversized length", HeaderBytes.Block(0x21, 0x11, [], length: ushort.MaxValue) },
        { "oversized LOCAL", HeaderBytes.Block(0x20, 0x00, [], length: 4097) },
        { "wrong checksum", HeaderBytes.Ipv4(HeaderBytes.Tlv(0x03, 1, 2, 3, 4)) },
        { "short checksum", HeaderBytes.Ipv4(HeaderBytes.Tlv(0x03, 1, 2, 3)) },
        { "two checksums", HeaderBytes.WithChecksum(HeaderBytes.Ipv4(HeaderBytes.Tlv(0x03, new byte[4]), HeaderBytes.Tlv(0x03, new byte[4]))) },
        { "signature", [13, 10, 13, 10, 0, 13, 10, (byte)'Q', (byte)'X'] },
        { "TLS", [22, 3, 1] },
    };

    [Theory]
    [MemberData(nameof(WrongBlocks))]
    public void Read_refuses_a_block_that_is_not_as_it_should_be(string what, byte[] block) =>
        Assert.Equal((what, ProxyHeaderStatus.Malformed), (what, ProxyHeaderReader.Read(block, out _)));
}
