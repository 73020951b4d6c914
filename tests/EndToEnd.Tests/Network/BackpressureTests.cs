using System.Diagnostics;
using System.Globalization;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Network;

/// <summary>
/// Senders at the other end of Gigabit Ethernet, and clients that take less: because their cable carries no more, or because they read slowly. The senders
/// come down to that rate, nothing piles up in between, and a client beside them, whose way is free, is served.
/// </summary>
public sealed class BackpressureTests(ITestOutputHelper output)
{
    private const int Sessions = 4;
    private const int NeighbourExchanges = 200;
    private const long MiB = 1024 * 1024;

    /// <summary>Of net.ipv4.tcp_rmem and tcp_wmem, so that the bounds below don't depend on the machine.</summary>
    private const int BufferLimit = 2 * 1024 * 1024;

    /// <summary>
    /// What may be on its way in a session: a send buffer and a receive buffer on both sides of the gateway, what the gateway holds, and the router's
    /// queues.
    /// </summary>
    private const long MostOnItsWay = (4 * BufferLimit) + (2 * MiB);

    /// <summary>Enough to arrive that a sender at its own rate would be far beyond the bound.</summary>
    private const long ToArrive = 16 * MiB;

    private readonly CancellationTokenSource _timeout = new(Deadline.Default * 2);
    private readonly List<(long OnItsWay, long Resident, long Sockets, long Available)> _samples = [];

    [RequiresRoutedNetworkTheory]
    [InlineData("Copy", false)]
    [InlineData("Copy", true)]
    [InlineData("Splice", false)]
    [InlineData("Splice", true)]
    [InlineData("Sockmap", false)]
    [InlineData("Sockmap", true)]
    public async Task Client_that_takes_less_slows_its_sender_down_and_nobody_else(string mode, bool isReaderSlow)
    {
        await using var network = await RoutedNetwork.CreateAsync();
        await network.BecomeEthernetAsync();
        await network.SetAsync("ipv4/tcp_rmem", $"4096 131072 {BufferLimit}");
        await network.SetAsync("ipv4/tcp_wmem", $"4096 16384 {BufferLimit}");
        await using var gateway = await NetworkGateway.StartAsync(network, new() { [mode] = NetworkGateway.Route(mode) });
        var sessions = new List<TcpSession>();
        try
        {
            for (var i = 0; i <= Sessions; i++)
            {
                sessions.Add(await gateway.OpenAsync(mode, i < Sessions ? network.Client : network.Upstream, _timeout.Token));
            }

            if (!isReaderSlow)
            {
                await network.ShapeAsync(network.Client, "200mbit");
            }

            var before = await SampleAsync(network, gateway, []);
            var pause = isReaderSlow ? TimeSpan.FromMilliseconds(8) : TimeSpan.Zero;
            var flows = sessions.Take(Sessions).Select((session, i) => Flow.Start(
                $"{mode} {i}", session.Server, session.Client, seed: i, _timeout.Token, () => Task.Delay(pause, _timeout.Token))).ToArray();
            await ProgressAsync(network, gateway, flows, MiB);

            // The others go on all the while, as they do until the test ends them.
            var (slowest, rate) = await ServeAsync(sessions[^1]);
            await ProgressAsync(network, gateway, flows, ToArrive);

            var (onItsWay, resident, sockets, available) = (
                _samples.Max(static sample => sample.OnItsWay), _samples.Max(static sample => sample.Resident) - before.Resident,
                _samples.Max(static sample => sample.Sockets) - before.Sockets, before.Available - _samples.Min(static sample => sample.Available));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{mode}, {(isReaderSlow ? "slow readers" : "slow cable")}: for each session {onItsWay / Sessions / 1024} KiB on their way, {resident / Sessions / 1024} KiB resident, " +
                $"{sockets / Sessions / 1024} KiB in the gateway's sockets, {available / Sessions / 1024} KiB of the machine's memory; " +
                $"the neighbour: slowest exchange {slowest.TotalMilliseconds:f1} ms, {rate / MiB:f0} MiB/s"));
            Assert.InRange(onItsWay, 0, Sessions * MostOnItsWay);
            // A buffer of 64 KiB each, in mode Copy; the rest is the runtime's.
            Assert.InRange(resident, long.MinValue, 64 * MiB);
            // The kernel counts the packets that bytes are in, and of these there are many small ones.
            Assert.InRange(sockets, 0, 2 * Sessions * (2 * BufferLimit));

            pause = TimeSpan.Zero;
            await network.ShapeAsync(network.Client, "1gbit");
            await Task.WhenAll(flows.Select(static flow => flow.FinishAsync()));
        }
        finally
        {
            await _timeout.CancelAsync();
            sessions.ForEach(static session => session.Dispose());
            _timeout.Dispose();
        }
    }

    /// <summary>Waits until so many bytes more have arrived in each of the flows, and looks at the memory meanwhile.</summary>
    private async Task ProgressAsync(RoutedNetwork network, NetworkGateway gateway, Flow[] flows, long bytes)
    {
        var before = Array.ConvertAll(flows, static flow => flow.Received);
        await Deadline.UntilAsync(
            async () =>
            {
                await SampleAsync(network, gateway, flows);
                return flows.Zip(before).All(pair => pair.First.Received >= pair.Second + bytes);
            },
            () => string.Join<Flow>("; ", flows));
    }

    private async Task<(long OnItsWay, long Resident, long Sockets, long Available)> SampleAsync(RoutedNetwork network, NetworkGateway gateway, Flow[] flows)
    {
        var available = 1024 * long.Parse(
            File.ReadLines("/proc/meminfo").Single(static line => line.StartsWith("MemAvailable:", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        _samples.Add((
            // What arrives in between the two looks makes it less, never more.
            flows.Sum(static flow => flow.Sent) - flows.Sum(static flow => flow.Received), gateway.Gateway.ResidentBytes,
            (await SocketMemory.ReadAsync(network.Gateway.Namespace)).Bytes, available));
        return _samples[^1];
    }

    /// <summary>Short exchanges, and a transfer, on a session whose way is free: the slowest exchange, and bytes a second.</summary>
    private async Task<(TimeSpan Slowest, double Rate)> ServeAsync(TcpSession neighbour)
    {
        var slowest = TimeSpan.Zero;
        for (var i = 0; i < NeighbourExchanges; i++)
        {
            var started = Stopwatch.GetTimestamp();
            await neighbour.AssertRelaysAsync(_timeout.Token);
            var elapsed = Stopwatch.GetElapsedTime(started) / 8;
            slowest = elapsed > slowest ? elapsed : slowest;
        }

        var transferStarted = Stopwatch.GetTimestamp();
        var sending = HashPump.SendAndFinishAsync(neighbour.Server, ToArrive, seed: 99, _timeout.Token);
        var received = await HashPump.ReceiveAsync(neighbour.Client, _timeout.Token);
        Assert.Equal((ToArrive, await sending), received);
        return (slowest, ToArrive / Stopwatch.GetElapsedTime(transferStarted).TotalSeconds);
    }
}
