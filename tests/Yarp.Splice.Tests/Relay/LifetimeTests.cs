using System.Diagnostics;
using System.Net.Sockets;
using Yarp.Splice.Limits;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Tests.Relay;

/// <summary>The end of a session by Splice:MaxLifetime.</summary>
public class LifetimeTests
{
    private const int ChunkSize = 64 * 1024;

    private static readonly RouteLimits s_limits = new() { MaxLifetime = TimeSpan.FromSeconds(1) };

    [Theory]
    [CombinedModes]
    public async Task Lifetime_IsOver_BothSidesGetFin(SpliceMode mode)
    {
        // Long enough for the exchanges, whatever else the machine does.
        await using var relay = RelayFixture.Create(mode, static route => route with { Limits = new RouteLimits { MaxLifetime = TimeSpan.FromSeconds(3) } });
        var started = Stopwatch.GetTimestamp();
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            for (var i = 0; i < 10; i++)
            {
                await client.SendAllAsync("up"u8.ToArray());
                await server.ReceiveExactlyAsync(2);
                await server.SendAllAsync("down"u8.ToArray());
                await client.ReceiveExactlyAsync(4);
            }

            await Task.WhenAll(client.AssertFinAsync(), server.AssertFinAsync());
            Assert.True(Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(1.8));
            await relay.WaitUntilIdleAsync();
        }

        var ended = Assert.Single(relay.Ended);
        Assert.Equal((RelayOutcome.MaxLifetime, SessionParty.Gateway), (ended.Outcome, ended.ClosedBy));
        Assert.Equal((20, 40), (ended.BytesToUpstream, ended.BytesToClient));
    }

    [Theory]
    [CombinedModes]
    public async Task Lifetime_IsOverWithBytesOnTheirWay_TheyArriveThenFin(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(mode, static route => route with { Limits = s_limits });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            // More than the client's buffers hold, so that the gateway holds some when the time is over; then the destination falls silent.
            client.ReceiveBufferSize = 64 * 1024;
            var data = SocketFlow.Payload(1024 * 1024);
            await server.SendAllAsync(data);
            await server.AssertFinAsync();
            var received = await client.ReceiveToEndAsync();
            Assert.True(received.Length > 64 * 1024, $"only {received.Length} bytes arrived");
            SocketFlow.AssertSame(data[..received.Length], received);
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(RelayOutcome.MaxLifetime, Assert.Single(relay.Ended).Outcome);
    }

    [Theory]
    [CombinedModes]
    public async Task Lifetime_IsOverAndClientTakesNothing_IsResetAfterHalfCloseTimeout(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(
            mode,
            static route => route with
            {
                Limits = new RouteLimits { MaxLifetime = TimeSpan.FromSeconds(4) },
                HalfCloseTimeout = TimeSpan.FromMilliseconds(500),
            });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            await server.SendUntilStalledAsync();
            await relay.WaitUntilIdleAsync();
            Assert.Equal(RelayOutcome.MaxLifetime, Assert.Single(relay.Ended).Outcome);
            await client.AssertResetAsync();
        }
    }

    [Theory]
    [CombinedModes]
    public async Task Lifetime_IsOverWhileBothSidesSend_WhatArrivedIsWhatWasSent(SpliceMode mode)
    {
        await using var relay = RelayFixture.Create(
            mode,
            route => route with
            {
                Limits = new RouteLimits { MaxLifetime = TimeSpan.FromSeconds(2) },
                // In mode Sockmap the end may need it; in the others it would be the end of a slow machine's bytes.
                HalfCloseTimeout = mode == SpliceMode.Sockmap ? TimeSpan.FromSeconds(1) : RelayFixture.Deadline,
            });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            // Neither ever stops by itself.
            var sending = Task.WhenAll(SendForEverAsync(client, seed: 1), SendForEverAsync(server, seed: 2));
            var received = await Task.WhenAll(ReceiveAsync(server, seed: 1), ReceiveAsync(client, seed: 2));
            await sending;
            await relay.WaitUntilIdleAsync();

            var ended = Assert.Single(relay.Ended);
            Assert.Equal((RelayOutcome.MaxLifetime, SessionParty.Gateway), (ended.Outcome, ended.ClosedBy));
            foreach (var ((count, error), counted) in received.Zip([ended.BytesToUpstream, ended.BytesToClient]))
            {
                if (mode == SpliceMode.Sockmap)
                {
                    // The kernel goes on until the sockets are closed: a moment in which nothing is on its way need not come, or bytes come after FIN.
                    Assert.Contains(error, new[] { SocketError.Success, SocketError.ConnectionReset });
                    Assert.InRange(count, 0, counted);
                }
                else
                {
                    Assert.Equal((counted, SocketError.Success), (count, error));
                }
            }
        }
    }

    [Fact]
    public async Task IdleTimeout_IsShorterThanLifetime_EndsTheSession()
    {
        await using var relay = RelayFixture.Create(
            SpliceMode.Copy,
            static route => route with { Limits = new RouteLimits { MaxLifetime = TimeSpan.FromDays(1) }, IdleTimeout = TimeSpan.FromMilliseconds(200) });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            await relay.WaitUntilIdleAsync();
            Assert.Equal(RelayOutcome.IdleTimeout, Assert.Single(relay.Ended).Outcome);
        }
    }

    [Fact]
    public void Pick_ManyTimes_SpreadsATenthAroundTheSetting()
    {
        var picked = Enumerable.Range(0, 1000).Select(static _ => Lifetime.Pick(TimeSpan.FromMinutes(100)).TotalMinutes).ToArray();
        Assert.All(picked, static minutes => Assert.InRange(minutes, 90, 110));
        Assert.InRange(picked.Min(), 90, 95);
        Assert.InRange(picked.Max(), 105, 110);
    }

    /// <summary>Sends pseudo-random bytes until the connection fails.</summary>
    private static async Task SendForEverAsync(Socket socket, int seed)
    {
        var random = new Random(seed);
        var chunk = new byte[ChunkSize];
        try
        {
            while (true)
            {
                random.NextBytes(chunk);
                await socket.SendAllAsync(chunk);
            }
        }
        catch (SocketException exception)
        {
            Assert.Contains(exception.SocketErrorCode, new[] { SocketError.ConnectionReset, SocketError.Shutdown });
        }
    }

    /// <summary>Receives to the end, and compares with what <see cref="SendForEverAsync"/> sends: how many bytes came, and what ended them.</summary>
    private static async Task<(long Count, SocketError Error)> ReceiveAsync(Socket socket, int seed)
    {
        var random = new Random(seed);
        var expected = new byte[ChunkSize];
        var buffer = new byte[ChunkSize];
        for (var count = 0L; ;)
        {
            int received;
            try
            {
                var place = (int)(count % ChunkSize);
                received = await socket.ReceiveAsync(buffer.AsMemory(place)).AsTask().WaitAsync(RelayFixture.Deadline);
                if (place == 0)
                {
                    random.NextBytes(expected);
                }

                Assert.True(expected.AsSpan(place, received).SequenceEqual(buffer.AsSpan(place, received)), $"other bytes within the {received} after {count}");
            }
            catch (SocketException exception)
            {
                return (count, exception.SocketErrorCode);
            }

            if (received == 0)
            {
                return (count, SocketError.Success);
            }

            count += received;
        }
    }
}
