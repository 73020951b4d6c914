using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class TcpIdleRow() : MemoryRow("tcp-idle", "Memory of an idle relayed connection")
{
    public override IReadOnlyList<Metric> Columns =>
        [Metric.ProcessPerConnection, Metric.SlabPerConnection, Metric.TcpPerConnection, Metric.AvailablePerConnection];

    protected override IReadOnlyList<string> Caveats =>
    [
        "Each connection has exchanged one request and one response of 100 B and is then idle. Process bytes are private memory (RssAnon) of the relay's processes, added since it was ready.",
        "Kernel figures are of the whole machine and hold the test's own two sockets as well: take off the row 'direct'. MemAvailable moves with everything else on the machine; trust it less than slab.",
        "A managed heap grows in steps and may hold garbage: the figure is what was taken from the machine, not what is needed.",
        Caveat.Fallback,
    ];

    protected override IReadOnlyList<Target> Targets =>
    [
        .. GatewayTcp.Modes.SelectMany(static mode => new[]
        {
            Target.AtMostRatio(Case, $"gateway {mode}", Metric.ProcessPerConnection, 1.0, Relays.HaproxyCopy),
            Target.AtMostRatio(Case, $"gateway {mode}", Metric.SlabPerConnection, 1.0, Relays.HaproxyCopy),
        }),
    ];

    private const string Case = "idle connections";

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        var connections = bench.Pick(1000, 4000);
        await using var upstream = await Upstreams.RequestResponseAsync(bench);
        return
        [
            await MeasureCaseAsync(bench, Case, upstream.Port, Metric.ProcessPerConnection, Checks.RequestResponse(bench), async entrant =>
            {
                await Task.Delay(bench.Pick(200, 1000));
                var before = MemorySnapshot.Take(entrant.Server);
                await using var held = await NativeLoad.HoldIdleAsync(bench, entrant.Port, connections);
                await Task.Delay(bench.Pick(300, 1500));
                return MemorySnapshot.Take(entrant.Server).Since(before, connections, entrant.Server is not null);
            }),
        ];
    }
}
