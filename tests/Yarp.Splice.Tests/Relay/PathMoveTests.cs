using System.Net.Sockets;
using Yarp.Splice.Relay.Paths;

namespace Yarp.Splice.Tests.Relay;

/// <summary>Live sessions that move between Copy and Splice.</summary>
public class PathMoveTests
{
    [Fact]
    public async Task Auto_BulkThenPingPong_GoesToSpliceAndBackInThatDirectionOnly()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Auto);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var bulk = SocketFlow.Payload(16 * 1024 * 1024);
            var received = server.ReceiveExactlyAsync(bulk.Length);
            await client.SendAllAsync(bulk, chunk: 1024 * 1024);
            SocketFlow.AssertSame(bulk, await received);
            Assert.NotEqual(0, MovesToSplice(relay, "upstream"));

            for (var i = 0; i < 20; i++)
            {
                await client.SendAllAsync(new[] { (byte)i });
                Assert.Equal((byte)i, (await server.ReceiveExactlyAsync(1))[0]);
                await server.SendAllAsync(new[] { (byte)i });
                Assert.Equal((byte)i, (await client.ReceiveExactlyAsync(1))[0]);
            }

            Assert.Equal(MovesToSplice(relay, "upstream"), MovesToCopy(relay, "upstream"));
            Assert.Equal(0, MovesToSplice(relay, "client"));
        }

        await relay.WaitUntilIdleAsync();
        Assert.DoesNotContain(relay.Log.Entries, static entry => entry.Id == 104);
    }

    [Theory]
    [InlineData(SpliceMode.Copy)]
    [InlineData(SpliceMode.Auto)]
    [InlineData(SpliceMode.Splice)]
    public async Task MessagesBelowTheBuffer_NeverMove(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var message = SocketFlow.Payload(50_000);
            for (var i = 0; i < 30; i++)
            {
                await client.SendAllAsync(message);
                SocketFlow.AssertSame(message, await server.ReceiveExactlyAsync(message.Length));
            }
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(0, relay.Metrics.Sum("splice.path.moves"));
    }

    [Fact]
    public async Task EverySessionMovesAtRandom_BothDirections_BytesAreIntact()
    {
        var random = new Random(20261121);
        PathPolicy AtRandom(SpliceMode mode)
        {
            lock (random)
            {
                var fullReads = random.Next(1, 6);
                return new PathPolicy
                {
                    MaySplice = true,
                    FullRead = random.Next(1, 40_000),
                    FullReadsBeforeSplice = fullReads,
                    MostFullReadsBeforeSplice = fullReads,
                    SmallSplice = random.Next(2_000, 300_000),
                    SmallSplicesBeforeCopy = random.Next(1, 4),
                };
            }
        }

        await using var relay = RelayFixture.Create(AtRandom);
        const int Sessions = 300;
        const int MostBytes = 600_000;
        await Task.WhenAll(Enumerable.Range(0, Sessions).Select(seed => Task.Run(async () =>
        {
            var client = await relay.ConnectAsync();
            // Which of the accepted sockets belongs to this client does not matter: each stream carries its own hash.
            using (client)
            using (var server = await relay.AcceptAsync())
            {
                await Task.WhenAll(
                    SocketFlow.SendAtRandomAsync(client, seed, MostBytes), SocketFlow.SendAtRandomAsync(server, ~seed, MostBytes),
                    SocketFlow.ReceiveAtRandomAsync(client), SocketFlow.ReceiveAtRandomAsync(server));
            }
        })));
        await relay.WaitUntilIdleAsync();
        Assert.True(relay.Metrics.Sum("splice.path.moves", ("splice.to", "Copy")) > Sessions, "sessions hardly moved to Copy");
        Assert.True(relay.Metrics.Sum("splice.path.moves", ("splice.to", "Splice")) > Sessions, "sessions hardly moved to Splice");
    }

    private static long MovesToSplice(RelayFixture relay, string direction) =>
        relay.Metrics.Sum("splice.path.moves", ("direction", direction), ("splice.from", "Copy"), ("splice.to", "Splice"));

    private static long MovesToCopy(RelayFixture relay, string direction) =>
        relay.Metrics.Sum("splice.path.moves", ("direction", direction), ("splice.from", "Splice"), ("splice.to", "Copy"));
}
