using System.Diagnostics;
using Yarp.Splice.Limits;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Tests.Relay;

/// <summary>The end of a session by Splice:MaxLifetime.</summary>
public class LifetimeTests
{
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
}
