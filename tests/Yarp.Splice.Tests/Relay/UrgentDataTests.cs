using System.Net.Sockets;

namespace Yarp.Splice.Tests.Relay;

/// <summary>Urgent data (MSG_OOB, tcp(7)) arrives as an ordinary byte in its place, and holds nothing up.</summary>
public class UrgentDataTests
{
    [Theory]
    [CombinedModes]
    public async Task InAConversation_ArrivesInItsPlace(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            for (var i = 0; i < 20; i++)
            {
                await client.SendAllAsync("before"u8.ToArray());
                Assert.Equal(1, client.Send("!"u8.ToArray(), SocketFlags.OutOfBand));
                await client.SendAllAsync("after"u8.ToArray());
                Assert.Equal("before!after"u8.ToArray(), await server.ReceiveExactlyAsync(12));
                await server.SendAllAsync("answer"u8.ToArray());
                Assert.Equal("answer"u8.ToArray(), await client.ReceiveExactlyAsync(6));
            }
        }
    }

    [Theory]
    [CombinedModes]
    public async Task InBulk_NothingIsLost(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var data = SocketFlow.Payload(8_000_000);
            var received = server.ReceiveToEndAsync();
            for (var sent = 0; sent < data.Length; sent += 1_000_000)
            {
                await client.SendAllAsync(data.AsMemory(sent, 999_999));
                Assert.Equal(1, await client.SendAsync(data.AsMemory(sent + 999_999, 1), SocketFlags.OutOfBand));
            }

            client.Shutdown(SocketShutdown.Send);
            SocketFlow.AssertSame(data, await received);
        }
    }
}
