using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Yarp.Splice.Tests.Upgrades;

/// <summary>What both sides get to read of an upgraded connection, byte for byte.</summary>
public class UpgradeTransferTests
{
    [Fact]
    public async Task BytesGluedToTheAnswer_ReachTheClient()
    {
        await using var gateway = await UpgradeGateway.StartAsync();
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(RawHttp.UpgradeRequest);
        using var server = await gateway.AcceptAsync();
        await RawHttp.ReadHeadAsync(server);
        await server.SendAsync((byte[])[.. RawHttp.SwitchingProtocols, .. "glued"u8]);

        Assert.StartsWith("HTTP/1.1 101", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
        Assert.Equal("glued"u8.ToArray(), await RawHttp.ReadAsync(client, 5));
        await server.SendAsync("later"u8.ToArray());
        Assert.Equal("later"u8.ToArray(), await RawHttp.ReadAsync(client, 5));
        await gateway.WaitForSessionsAsync(1);
        Assert.Equal(0, gateway.Managed);
    }

    [Fact]
    public async Task BytesGluedToTheRequest_ReachTheDestinationAfterItsAnswer()
    {
        await using var gateway = await UpgradeGateway.StartAsync();
        using var client = await gateway.ConnectAsync();
        await client.SendAsync((byte[])[.. RawHttp.UpgradeRequest, .. "glued"u8]);
        using var server = await gateway.AcceptAsync();
        await RawHttp.ReadHeadAsync(server);
        await server.SendAsync(RawHttp.SwitchingProtocols);

        Assert.Equal("glued"u8.ToArray(), await RawHttp.ReadAsync(server, 5));
        Assert.StartsWith("HTTP/1.1 101", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
        await client.SendAsync("later"u8.ToArray());
        Assert.Equal("later"u8.ToArray(), await RawHttp.ReadAsync(server, 5));
        await gateway.WaitForSessionsAsync(1);
    }

    [Theory]
    [InlineData("Copy")]
    [InlineData("Splice")]
    [InlineData("Auto")]
    [InlineData("Sockmap")]
    public async Task BytesOnBothSidesAroundTheAnswer_ArriveOnceAndInOrder(string mode)
    {
        await using var gateway = await UpgradeGateway.StartAsync($$"""{ "Upgrades": "{{mode}}" }""");
        for (var round = 0; round < 12; round++)
        {
            var toServer = RandomNumberGenerator.GetBytes(1 + Random.Shared.Next(300_000));
            var toClient = RandomNumberGenerator.GetBytes(1 + Random.Shared.Next(300_000));
            using var client = await gateway.ConnectAsync();
            var sending = SendInPiecesAsync(client, (byte[])[.. RawHttp.UpgradeRequest, .. toServer]);
            using var server = await gateway.AcceptAsync();
            await RawHttp.ReadHeadAsync(server);
            var answering = SendInPiecesAsync(server, (byte[])[.. RawHttp.SwitchingProtocols, .. toClient]);

            var atServer = RawHttp.ReadAsync(server, toServer.Length);
            Assert.StartsWith("HTTP/1.1 101", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
            Assert.True((await RawHttp.ReadAsync(client, toClient.Length)).AsSpan().SequenceEqual(toClient));
            Assert.True((await atServer).AsSpan().SequenceEqual(toServer));
            await Task.WhenAll(sending, answering).WaitAsync(Deadline.Default);
        }

        Assert.Equal(0, gateway.Managed);
        await gateway.WaitUntilIdleAsync();

        static async Task SendInPiecesAsync(Socket socket, ReadOnlyMemory<byte> bytes)
        {
            while (!bytes.IsEmpty)
            {
                var piece = bytes[..Math.Min(bytes.Length, 1 + Random.Shared.Next(20_000))];
                await RawHttp.SendAllAsync(socket, piece);
                bytes = bytes[piece.Length..];
            }
        }
    }

    [Fact]
    public async Task OtherProtocol_IsOfferedAndRelayed()
    {
        await using var gateway = await UpgradeGateway.StartAsync();
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes("POST /attach HTTP/1.1\r\nHost: site\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"));
        using var server = await gateway.AcceptAsync();
        var request = await RawHttp.ReadHeadAsync(server);
        Assert.StartsWith("POST /attach HTTP/1.1", request, StringComparison.Ordinal);
        Assert.Contains("Upgrade: tcp\r\n", request, StringComparison.Ordinal);
        await server.SendAsync("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello"u8.ToArray());
        var answer = await RawHttp.ReadHeadAsync(client);
        Assert.StartsWith("HTTP/1.1 101", answer, StringComparison.Ordinal);
        Assert.Contains("Upgrade: tcp\r\n", answer, StringComparison.Ordinal);
        Assert.Equal("hello"u8.ToArray(), await RawHttp.ReadAsync(client, 5));
        await gateway.WaitForSessionsAsync(1);
    }

    [Theory]
    [InlineData("h2c")]
    [InlineData("HTTP/2.0")]
    [InlineData("TLS/1.3, h2c")]
    public async Task ProtocolThatCarriesHttp_IsNotOffered(string protocol)
    {
        await using var gateway = await UpgradeGateway.StartAsync();
        using var client = await gateway.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: site\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"));
        using var server = await gateway.AcceptAsync();
        Assert.DoesNotContain("Upgrade", await RawHttp.ReadHeadAsync(server), StringComparison.OrdinalIgnoreCase);
        await server.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"u8.ToArray());
        Assert.StartsWith("HTTP/1.1 200", await RawHttp.ReadHeadAsync(client), StringComparison.Ordinal);
        Assert.Equal("ok"u8.ToArray(), await RawHttp.ReadAsync(client, 2));
    }
}
