using System.Buffers;
using System.Text;
using Yarp.Splice.Tls;
using static Yarp.Splice.Tests.Tls.HelloBytes;

namespace Yarp.Splice.Tests.Tls;

public class ClientHelloReaderTests
{
    [Theory]
    [InlineData("curl.bin", "www.example.com", "h2,http/1.1")]
    [InlineData("curl-upper-case.bin", "www.example.com", "h2,http/1.1")]
    [InlineData("curl-idn.bin", "xn--bcher-kva.example", "h2,http/1.1")]
    [InlineData("curl-address.bin", null, "h2,http/1.1")]
    [InlineData("openssl.bin", "www.example.com", "")]
    [InlineData("openssl-trailing-dot.bin", "www.example.com", "")]
    [InlineData("openssl-no-name.bin", null, "")]
    [InlineData("openssl-tls12.bin", "www.example.com", "postgresql")]
    [InlineData("dotnet.bin", "www.example.com", "h2,http/1.1")]
    [InlineData("chromium.bin", "www.example.com", "h2,http/1.1")]
    public void A_recorded_hello_is_read_however_it_is_cut(string file, string? name, string protocols)
    {
        var bytes = Recorded(file);
        AssertHello(name, protocols, Segments.ReadWhole(bytes));
        for (var size = 1; size < bytes.Length; size += size < 16 ? 1 : 97)
        {
            var (status, hello, length) = Segments.ReadInPieces(bytes, [size]);
            AssertHello(name, protocols, (status, hello));
            Assert.Equal(bytes.Length, length);
        }
    }

    [Fact]
    public void A_recorded_hello_in_two_records_is_read()
    {
        var bytes = Recorded("openssl-two-records.bin");
        Assert.True(bytes.Length > 5 + 512);
        var (status, hello) = Segments.ReadWhole(bytes);
        Assert.Equal(ClientHelloStatus.Complete, status);
        Assert.Equal("www.example.com", hello.ServerName);
        Assert.Equal(41, hello.Protocols.Count);
        Assert.Equal(("protocol-01", "last"), (hello.Protocols[0], hello.Protocols[40]));
    }

    [Theory]
    [InlineData("chromium.bin", "www.example.com")]
    [InlineData("curl.bin", "www.example.com")]
    public void Records_may_be_cut_anywhere_even_in_the_name(string file, string name)
    {
        var message = Unwrap(Recorded(file));
        for (var first = 1; first < message.Length; first++)
        {
            var (status, hello) = Segments.ReadWhole(Records(message, first, message.Length));
            Assert.Equal((ClientHelloStatus.Complete, name), (status, hello.ServerName));
        }

        var inSingleBytes = Records(message, 1);
        Assert.Equal(name, Segments.ReadWhole(inSingleBytes).Hello.ServerName);
        Assert.Equal(name, Segments.ReadInPieces(inSingleBytes, [1]).Hello.ServerName);
    }

    [Theory]
    [InlineData("EXAMPLE.com", "example.com")]
    [InlineData("example.com.", "example.com")]
    [InlineData("XN--Bcher-KVA.Example.", "xn--bcher-kva.example")]
    [InlineData("a", "a")]
    [InlineData("_db.internal", "_db.internal")]
    public void A_name_is_normalised(string sent, string expected) =>
        AssertHello(expected, "", Segments.ReadWhole(Record(Body([Name(sent)]))));

    [Fact]
    public void The_longest_name_of_the_DNS_is_read()
    {
        var name = string.Join('.', Enumerable.Repeat(new string('a', 62), 4)) + ".b";
        Assert.Equal(253, name.Length);
        AssertHello(name, "", Segments.ReadWhole(Record(Body([Name(name + '.')]))));
        AssertStatus(ClientHelloStatus.Malformed, Record(Body([Name(name + 'c')])));
    }

    [Fact]
    public void Unknown_extensions_are_passed_over_in_any_order()
    {
        var hello = Record(Body([Extension(Grease), Protocols("h2", "\u000a\u000a"), Extension(0x7a7a, 1, 2, 3), Name("a.example"), Extension(21, new byte[300])]));
        AssertHello("a.example", "h2,\u000a\u000a", Segments.ReadWhole(hello));
    }

    [Fact]
    public void A_hello_without_extensions_asks_for_no_name()
    {
        AssertHello(null, "", Segments.ReadWhole(Record(Body(null))));
        AssertHello(null, "", Segments.ReadWhole(Record(Body([]))));
    }

    [Fact]
    public void What_follows_the_hello_is_not_looked_at()
    {
        byte[] hello = Record(Body([Name("a.example")]));
        AssertHello("a.example", "", Segments.ReadWhole([.. hello, 20, 3, 3, 0, 1, 1]));
        AssertHello("a.example", "", Segments.ReadWhole([.. hello, .. "anything"u8]));
        var message = Message(Body([Name("a.example")]));
        AssertHello("a.example", "", Segments.ReadWhole(Records([.. message, 20, 0, 0, 0], 1 << 14)));
    }

    [Fact]
    public void A_hello_of_64_KiB_is_read_and_a_longer_one_is_not()
    {
        var empty = Body([Name("a.example"), Extension(21)]).Length;
        var largest = Body([Name("a.example"), Extension(21, new byte[65535 - empty])]);
        AssertHello("a.example", "", Segments.ReadWhole(Record(largest)));
        AssertHello("a.example", "", Segments.ReadWhole(Records(Message(largest), 128)));

        // The extension block ends at 65,535 bytes, so only the length that is announced can be larger.
        AssertStatus(ClientHelloStatus.NeedMore, [22, 3, 1, 0x40, 0, 1, 1, 0, 0]);
        AssertStatus(ClientHelloStatus.Malformed, [22, 3, 1, 0x40, 0, 1, 1, 0, 1]);
    }

    [Fact]
    public void A_hello_in_thousands_of_records_is_malformed_before_it_takes_more_than_the_limit()
    {
        var bytes = Records(Message(Body([Name("a.example"), Extension(21, new byte[8000])])), 1);
        AssertStatus(ClientHelloStatus.Malformed, bytes);
        var (status, _, length) = Segments.ReadInPieces(bytes, [100]);
        Assert.Equal(ClientHelloStatus.Malformed, status);
        Assert.True(length <= ClientHelloReader.MaxBytes);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    [InlineData("SSH-2.0-OpenSSH\r\n")]
    [InlineData("\0\0\0\b\u0004\u00d2\u0016\u002f")]
    [InlineData("\u0080\u002e\u0001\u0003\u0001\0\u0015\0\0\0\u0010")]
    [InlineData("\u0017\u0003\u0003\0\u0001x")]
    [InlineData("\u0015\u0003\u0001\0\u0002\u0002\u0028")]
    [InlineData("\u0016\u0004\u0001")]
    public void What_does_not_begin_with_a_handshake_record_is_not_TLS(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        AssertStatus(ClientHelloStatus.NotTls, bytes);
        Assert.Equal(ClientHelloStatus.NotTls, Segments.ReadInPieces(bytes, [1]).Status);
    }

    [Fact]
    public void Nothing_is_decided_before_the_first_byte() => AssertStatus(ClientHelloStatus.NeedMore, []);

    [Fact]
    public void Every_beginning_of_a_hello_needs_more()
    {
        var bytes = Recorded("chromium.bin");
        for (var length = 0; length < bytes.Length; length++)
        {
            AssertStatus(ClientHelloStatus.NeedMore, bytes[..length]);
        }
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_hello_that_a_server_would_refuse_is_malformed(string what, byte[] bytes)
    {
        Assert.True(Segments.ReadWhole(bytes).Status == ClientHelloStatus.Malformed, what);
        Assert.True(Segments.ReadInPieces(bytes, [1]).Status == ClientHelloStatus.Malformed, what);
    }

    public static TheoryData<string, byte[]> Wrong()
    {
        var good = Body([Name("a.example")]);
        return new TheoryData<string, byte[]>
        {
            { "a record of no bytes", [22, 3, 1, 0, 0] },
            { "a record above 16 KiB", [22, 3, 1, 0x40, 1] },
            { "a ServerHello", Records(Message(good, type: 2), 1 << 14) },
            { "another record between the parts", [.. Records(Message(good), 10)[..15], 21, 3, 1, 0, 2, 1, 0] },
            { "another version between the parts", [.. Records(Message(good), 10)[..15], 22, 2, 1, 0, 2, 1, 0] },
            { "an empty body", Record([]) },
            { "a body that ends in the random", Record(good[..20]) },
            { "a session id of 33 bytes", Record(Body([], sessionId: 33)) },
            { "no cipher suite", Record(Body([], cipherSuites: 0)) },
            { "half a cipher suite", Record(Body([], cipherSuites: 5)) },
            { "no compression method", Record(Body([], compressionMethods: 0)) },
            { "half an extension length", Record([.. Body(null), 0]) },
            { "extensions that are shorter than announced", Record([.. Body(null), 0, 9, 0, 0, 0, 1, 0]) },
            { "bytes after the extensions", Record([.. good, 0]) },
            { "an extension that is cut", Record(Body([[0x7a]])) },
            { "an extension that runs over the end", Record(Body([[0x7a, 0x7a, 0, 2, 0]])) },
            { "two server names", Record(Body([Name("a.example"), Name("b.example")])) },
            { "two lists of protocols", Record(Body([Protocols("h2"), Protocols("h2")])) },
            { "an empty server name extension", Record(Body([Extension(ServerName)])) },
            { "an empty list of names", Record(Body([Extension(ServerName, 0, 0)])) },
            { "a list of names with two of them", Record(Body([Extension(ServerName, Vector16([0, .. Vector16("a"u8.ToArray()), 0, .. Vector16("b"u8.ToArray())]))])) },
            { "a name of an unknown type", Record(Body([Extension(ServerName, Vector16([1, .. Vector16("a"u8.ToArray())]))])) },
            { "bytes after the list of names", Record(Body([Extension(ServerName, [.. Vector16([0, .. Vector16("a"u8.ToArray())]), 0])])) },
            { "an empty name", Record(Body([Name("")])) },
            { "a name that is a dot", Record(Body([Name(".")])) },
            { "a name with NUL", Record(Body([Name("a.example\0.evil")])) },
            { "a name with a space", Record(Body([Name("a b")])) },
            { "a name with bytes above ASCII", Record(Body([Name("bücher.example")])) },
            { "an empty protocol extension", Record(Body([Extension(Alpn)])) },
            { "an empty list of protocols", Record(Body([Protocols()])) },
            { "an empty protocol", Record(Body([Protocols("h2", "")])) },
            { "a protocol that runs over the end", Record(Body([Extension(Alpn, 0, 3, 9, 1, 2)])) },
            { "more than 256 protocols", Record(Body([Protocols([.. Enumerable.Repeat("h2", 257)])])) },
            { "bytes after the list of protocols", Record(Body([Extension(Alpn, 0, 2, 1, 65, 0)])) },
        };
    }

    [Fact]
    public void Two_hundred_and_fifty_six_protocols_are_read() => AssertHello(
        null, string.Join(',', Enumerable.Repeat("h2", 256)), Segments.ReadWhole(Record(Body([Protocols([.. Enumerable.Repeat("h2", 256)])]))));

    [Fact]
    public void A_hello_that_is_malformed_behind_its_name_and_protocols_allocates_nothing()
    {
        var bytes = Record(Body([Name("a.example"), Protocols([.. Enumerable.Repeat("x", 256)]), Extension(ServerName)]));
        AssertStatus(ClientHelloStatus.Malformed, bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        _ = default(ClientHelloReader).Read(new ReadOnlySequence<byte>(bytes), out _);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Waiting_for_more_allocates_nothing_and_the_result_little()
    {
        var bytes = Record(Body([Name("a.example"), Extension(21, new byte[60_000])]));
        _ = ReadByteByByte(bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var status = ReadByteByByte(bytes);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(ClientHelloStatus.Complete, status);
        Assert.InRange(allocated, 1, 200);

        static ClientHelloStatus ReadByteByByte(byte[] bytes)
        {
            var reader = default(ClientHelloReader);
            var status = ClientHelloStatus.NeedMore;
            for (var length = 0; length <= bytes.Length; length++)
            {
                status = reader.Read(new ReadOnlySequence<byte>(bytes, 0, length), out _);
            }

            return status;
        }
    }

    private static void AssertStatus(ClientHelloStatus expected, byte[] bytes) => Assert.Equal(expected, Segments.ReadWhole(bytes).Status);

    private static void AssertHello(string? name, string protocols, (ClientHelloStatus Status, ClientHello Hello) read)
    {
        Assert.Equal(ClientHelloStatus.Complete, read.Status);
        Assert.Equal(name, read.Hello.ServerName);
        Assert.Equal(protocols, string.Join(',', read.Hello.Protocols));
    }
}
