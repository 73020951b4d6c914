using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Yarp.Splice.Limits;
using Yarp.Splice.Listening;
using Yarp.Splice.Relay;
using Yarp.Splice.Tests.Relay;

namespace Yarp.Splice.Tests.Limits;

/// <summary>Sessions with Splice:BytesPerSecondToUpstream or Splice:BytesPerSecondToClient, on the event loops and managed.</summary>
[Collection(RunsAlone.Name)]
public class RelayRateTests
{
    private const int Rate = 2_000_000;

    /// <summary>One burst, and two seconds' worth.</summary>
    private const int Limited = (Rate * 2) + (Rate / 10);

    private static readonly RouteLimits s_toUpstream = new() { BytesPerSecondToUpstream = Rate };
    private static readonly RouteLimits s_toClient = new() { BytesPerSecondToClient = Rate };

    [Theory]
    [InlineData(SpliceMode.Copy, true)]
    [InlineData(SpliceMode.Copy, false)]
    [InlineData(SpliceMode.Splice, true)]
    [InlineData(SpliceMode.Splice, false)]
    [InlineData(SpliceMode.Auto, true)]
    [InlineData(SpliceMode.Auto, false)]
    public async Task Bulk_OneDirectionLimited_ArrivesWholeAtItsRateAndTheOtherUnlimited(SpliceMode mode, bool toUpstream)
    {
        await using var relay = RelayFixture.Create(mode, route => route with { Limits = toUpstream ? s_toUpstream : s_toClient });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            await (toUpstream ? AssertLimitedAsync(client, server) : AssertLimitedAsync(server, client));
            await relay.WaitUntilIdleAsync();
        }

        Assert.Equal(RelayOutcome.Finished, Assert.Single(relay.Ended).Outcome);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task Bulk_OneDirectionOfAManagedSessionLimited_ArrivesWholeAtItsRateAndTheOtherUnlimited(bool ownPort, bool toUpstream)
    {
        using var upstream = new TcpListener(IPAddress.Loopback, 0);
        upstream.Start();
        await using var gateway = await TestGateway.StartAsync(
            """{ "Routes": { }, "Clusters": { } }""",
            static builder => builder.Services.AddSingleton<IPortOpener, SocketPortOpener>(),
            onLinuxTransport: false);
        var port = ownPort ? TestGateway.FreePort() : gateway.HttpPort;
        gateway.Replace($$"""
            { "Routes": { "a": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "*:{{port}}" ] },
                                 "Splice": { "BytesPerSecondTo{{(toUpstream ? "Upstream" : "Client")}}": {{Rate}} } } },
              "Clusters": { "c": { "Destinations": { "d": { "Address": "127.0.0.1:{{((IPEndPoint)upstream.LocalEndpoint).Port}}" } } } } }
            """);
        await gateway.Log.WaitForAsync("Route a listens on");
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(IPAddress.Loopback, port).WaitAsync(RelayFixture.Deadline);
        using var server = await upstream.AcceptSocketAsync().WaitAsync(RelayFixture.Deadline);
        await (toUpstream ? AssertLimitedAsync(client, server) : AssertLimitedAsync(server, client));
        await gateway.Log.WaitForAsync("session ended (finished)");
    }

    [Fact]
    public async Task ModeSplice_RateOfMegabytes_Splices()
    {
        const int FastRate = 20_000_000;
        await using var relay = RelayFixture.Create(
            SpliceMode.Splice, static route => route with { Limits = new RouteLimits { BytesPerSecondToUpstream = FastRate } });
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var started = Stopwatch.GetTimestamp();
            var data = SocketFlow.Payload(FastRate);
            await MoveAsync(client, server, data);
            Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0.8, 30);
        }

        Assert.Equal(1, relay.Metrics.Sum("splice.path.moves", ("splice.to", nameof(SpliceMode.Splice))));
    }

    [Theory]
    [InlineData(SpliceMode.Copy)]
    [InlineData(SpliceMode.Splice)]
    [InlineData(SpliceMode.Auto)]
    public async Task LowRate_ManyTimesTheBurstInSmallPieces_ArrivesWhole(SpliceMode mode)
    {
        const int Prefix = 2_000_000;
        // 16 KiB at once, then a pause for every few kilobytes, with both directions waking the session.
        var limits = new RouteLimits { BytesPerSecondToUpstream = 40_000, BytesPerSecondToClient = 60_000 };
        await using var relay = RelayFixture.Create(mode, route => route with { Limits = limits }, prefix: new byte[Prefix]);
        var (client, server) = await relay.ConnectPairAsync();
        using (client)
        using (server)
        {
            var up = SocketFlow.Payload(80_000);
            var down = SocketFlow.Payload(90_000);
            var started = Stopwatch.GetTimestamp();

            // What was read before the session began is not held back.
            Assert.Equal(new byte[Prefix], await server.ReceiveExactlyAsync(Prefix));
            var prefixTook = Stopwatch.GetElapsedTime(started);
            Assert.InRange(prefixTook.TotalSeconds, 0, 30);
            await Task.WhenAll(MoveAsync(client, server, up, chunk: 700), MoveAsync(server, client, down, chunk: 900));
            Assert.InRange((Stopwatch.GetElapsedTime(started) - prefixTook).TotalSeconds, 1.3, 30);
            await relay.WaitUntilIdleAsync();
        }
    }

    [Fact]
    public async Task Pause_ClientResets_DestinationGetsWhatWasSentThenReset()
    {
        await using var relay = RelayFixture.Create(SpliceMode.Copy, static route => route with { Limits = new RouteLimits { BytesPerSecondToUpstream = 40_000 } });
        var (client, server) = await relay.ConnectPairAsync();
        using (server)
        {
            await client.SendAllAsync(SocketFlow.Payload(50_000));
            await server.ReceiveExactlyAsync(16 * 1024);
            client.Reset();
            Assert.Equal(50_000 - (16 * 1024), await server.AssertResetAsync());
        }

        await relay.WaitUntilIdleAsync();
        Assert.Equal(RelayOutcome.ClientReset, Assert.Single(relay.Ended).Outcome);
    }

    private static async Task AssertLimitedAsync(Socket sender, Socket receiver)
    {
        var started = Stopwatch.GetTimestamp();
        var limited = MoveAsync(sender, receiver, SocketFlow.Payload(Limited));
        var unlimited = MoveAsync(receiver, sender, SocketFlow.Payload(Limited * 2));
        Assert.Same(unlimited, await Task.WhenAny(limited, unlimited));
        await unlimited;
        await limited;

        // A machine that stands still costs rate, for the bucket saves up no more than one burst: ByteBucketTests say that nothing else does.
        Assert.InRange((Limited - (Rate / 10)) / Stopwatch.GetElapsedTime(started).TotalSeconds, Rate * 0.2, Rate * 1.2);
    }

    private static async Task MoveAsync(Socket from, Socket to, byte[] data, int chunk = 64 * 1024)
    {
        var receiving = to.ReceiveToEndAsync();
        await from.SendAllAsync(data, chunk);
        from.Shutdown(SocketShutdown.Send);
        SocketFlow.AssertSame(data, await receiving);
    }
}
