using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class TcpStalledRow() : MemoryRow("tcp-stalled", "Memory of a relayed connection whose reader does not read")
{
    private const string OneWay = "stalled in one direction";
    private const string BothWays = "stalled in both directions";

    public override IReadOnlyList<Metric> Columns =>
        [Metric.AccountedPerConnection, Metric.AvailablePerConnection, Metric.TcpPerConnection, Metric.ProcessPerConnection, Metric.AcceptedPerConnection, Metric.SlabPerConnection];

    protected override IReadOnlyList<string> Caveats =>
    [
        "The client sends until no byte was taken for a second (0.3 s in the quick form) and does not read; in the second case the server does the same. Accepted is what the client's direction took in.",
        "With many connections the kernel's limit for all TCP memory (net.ipv4.tcp_mem) ends the growth for every relay alike; the connections of the full form are chosen as the targets name them.",
        "Accounted is TCP buffers, slab and the relay's private memory together. The two ends' own sockets are in the figures: take off the row 'direct'. MemAvailable well above it is memory that nobody accounts for, such as pages in pipes.",
        Caveat.Fallback,
    ];

    protected override IReadOnlyList<Target> Targets =>
    [
        .. new[] { OneWay, BothWays }.SelectMany(static title => GatewayTcp.Modes
            .SelectMany(static mode => new[] { (Ours: $"gateway {mode}", Theirs: Relays.HaproxyCopy), (Ours: $"gateway {mode}", Theirs: "gateway Copy") })
            .Where(static pair => pair.Ours != pair.Theirs)
            .SelectMany(pair => new[]
            {
                Target.AtMostRatio(title, pair.Ours, Metric.AccountedPerConnection, 1.2, pair.Theirs),
                Target.AtMostRatio(title, pair.Ours, Metric.AvailablePerConnection, 1.2, pair.Theirs),
            })),
    ];

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        var connections = bench.Pick(20, 200);
        var cases = new List<CaseResult>();
        foreach (var title in new[] { OneWay, BothWays })
        {
            await using var upstream = await Upstreams.StalledAsync(bench, alsoPushes: title == BothWays);
            cases.Add(await MeasureCaseAsync(bench, title, upstream.Port, Metric.AccountedPerConnection, static _ => Task.CompletedTask, async entrant =>
            {
                await Task.Delay(bench.Pick(200, 1000));
                var before = MemorySnapshot.Take(entrant.Server);
                await using var held = await NativeLoad.HoldStalledAsync(bench, entrant.Port, connections, quietMs: bench.Pick(300, 1000));
                var sample = MemorySnapshot.Take(entrant.Server).Since(before, connections, entrant.Server is not null);
                var said = NativeLoad.Parse(held.Line);
                sample[Metric.AcceptedPerConnection.Key] = said["acceptedBytes"] / connections;
                sample["converged"] = said["converged"];
                return sample;
            }));
        }

        foreach (var entrant in cases.SelectMany(static result => result.Entrants).Where(static entrant => entrant.Samples.Any(sample => sample.GetValueOrDefault("converged", 1) == 0)))
        {
            entrant.AddNotes(["was still taking bytes when the measurement ended after 20 s"]);
        }

        return cases;
    }
}
