using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Relay;
using Yarp.Splice.Tests.Tls;

namespace Yarp.Splice.Tests.ProxyProtocol;

public class ProxyHeaderTests
{
    private const string Signature = "0D0A0D0A000D0A515549540A";

    [Theory]
    [InlineData("192.0.2.1:1234", "198.51.100.2:443", "PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\n")]
    [InlineData("[::ffff:192.0.2.1]:1234", "[::ffff:198.51.100.2]:443", "PROXY TCP4 192.0.2.1 198.51.100.2 1234 443\r\n")]
    [InlineData("[2001:db8::1]:65535", "[2001:db8::2]:1", "PROXY TCP6 2001:db8::1 2001:db8::2 65535 1\r\n")]
    [InlineData("[fe80::1%3]:1", "[fe80::2%3]:2", "PROXY TCP6 fe80::1 fe80::2 1 2\r\n")]
    [InlineData("192.0.2.1:1", "[2001:db8::2]:1", "PROXY UNKNOWN\r\n")]
    [InlineData(null, "192.0.2.1:1", "PROXY UNKNOWN\r\n")]
    public void Create_of_version_1_writes_the_line(string? client, string local, string expected) =>
        Assert.Equal(expected, Encoding.ASCII.GetString(ProxyHeader.Create(ProxyProtocolVersion.V1, Parse(client), Parse(local))));

    [Theory]
    [InlineData("192.0.2.1:1234", "198.51.100.2:443", "2111000CC0000201C633640204D201BB")]
    [InlineData("[::ffff:192.0.2.1]:1234", "198.51.100.2:443", "2111000CC0000201C633640204D201BB")]
    [InlineData("[2001:db8::1]:65535", "[2001:db8::2]:1", "2121002420010DB800000000000000000000000120010DB8000000000000000000000002FFFF0001")]
    [InlineData("192.0.2.1:1", "[2001:db8::2]:1", "21000000")]
    [InlineData(null, "192.0.2.1:1", "21000000")]
    public void Create_of_version_2_writes_the_block(string? client, string local, string expected) =>
        Assert.Equal(Signature + expected, Convert.ToHexString(ProxyHeader.Create(ProxyProtocolVersion.V2, Parse(client), Parse(local))));

    [Theory]
    [InlineData(ServerNameRoutingTests.Place.OwnPort, "V1", false)]
    [InlineData(ServerNameRoutingTests.Place.OwnPort, "V2", true)]
    [InlineData(ServerNameRoutingTests.Place.KestrelPort, "V1", true)]
    [InlineData(ServerNameRoutingTests.Place.KestrelPort, "v2", false)]
    [InlineData(ServerNameRoutingTests.Place.KestrelPortOfSocketTransport, "V1", true)]
    [InlineData(ServerNameRoutingTests.Place.KestrelPortOfSocketTransport, "V2", false)]
    public async Task The_destination_gets_the_header_once_and_first(ServerNameRoutingTests.Place place, string version, bool hasName)
    {
        using var upstream = new TcpListener(IPAddress.Loopback, 0);
        upstream.Start();
        var port = TestGateway.FreePort();
        await using var gateway = await TestGateway.StartAsync(
            $$"""
            { "Routes": { "r": { "ClusterId": "c", "Mode": "Splice", "Match": { "Hosts": [ "{{(hasName ? "a.example" : "*")}}:{{port}}" ] },
                                 "Splice": { "ProxyProtocol": "{{version}}" } } },
              "Clusters": { "c": { "Destinations": { "d": { "Address": "127.0.0.1:{{((IPEndPoint)upstream.LocalEndpoint).Port}}" } } } } }
            """,
            builder =>
            {
                builder.Services.RemoveAll<IRelayEngine>();
                if (place != ServerNameRoutingTests.Place.OwnPort)
                {
                    builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, port));
                }
            },
            onLinuxTransport: place != ServerNameRoutingTests.Place.KestrelPortOfSocketTransport);

        using var patience = new CancellationTokenSource(TestGateway.Patience);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, patience.Token);
        var sent = HelloBytes.Record(HelloBytes.Body([HelloBytes.Name("a.example")]));
        if (hasName)
        {
            await client.GetStream().WriteAsync(sent, patience.Token);
        }

        // Without a name, the header comes before the client has sent anything.
        using var accepted = await upstream.AcceptTcpClientAsync(patience.Token);
        var header = ProxyHeader.Create(
            version == "V1" ? ProxyProtocolVersion.V1 : ProxyProtocolVersion.V2, client.Client.LocalEndPoint, client.Client.RemoteEndPoint);
        var received = new byte[header.Length];
        await accepted.GetStream().ReadExactlyAsync(received, patience.Token);
        Assert.Equal(header, received);

        if (!hasName)
        {
            await client.GetStream().WriteAsync(sent, patience.Token);
        }

        client.Client.Shutdown(SocketShutdown.Send);
        using var rest = new MemoryStream();
        await accepted.GetStream().CopyToAsync(rest, patience.Token);
        Assert.Equal(sent, rest.ToArray());
    }

    private static IPEndPoint? Parse(string? endPoint) => endPoint is null ? null : IPEndPoint.Parse(endPoint);
}
