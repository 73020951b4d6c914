using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class TcpConnectRow() : Row("tcp-connect", "New TCP connections, one request each")
{
    private const string Case = "64 at a time, 100 B";

    public override IReadOnlyList<Metric> Columns =>
        [Metric.PerSecond, Metric.P50, Metric.P99, Metric.P999, Metric.ServerCpu, Metric.BusyPerRequest, Metric.AcceptsPerRequest, Metric.ServerCores, Metric.UpstreamCores, Metric.LoadCores];

    protected override IReadOnlyList<string> Caveats =>
    [
        Caveat.Loopback, Caveat.SharedCpus, Caveat.KernelThreads, Caveat.Fallback,
        "The client closes. Through a relay every request takes two accepted connections, so accepts per request must be 2 (direct: 1).",
        "Latency is from connect(2) to the last byte of the response.",
    ];

    protected override IReadOnlyList<Target> Targets =>
    [
        .. GatewayTcp.Modes.Select(static mode => Target.AtLeastRatio(
            Case, $"gateway {mode}", Metric.PerSecond, 1.0, Relays.HaproxyCopy)),
    ];

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        await using var upstream = await Upstreams.RequestResponseAsync(bench);
        await using var field = await Field.StartAsync(
            bench, Relays.WithoutBigPipes, upstream.Port, Checks.RequestResponse(bench), withDirect: true);
        var result = await Interleaving.RunAsync(
            bench, Case, field.Entrants, Metric.PerSecond,
            entrant => NativeLoad.ConnectAsync(bench, entrant.Port, 64, bench.Pick(200, 1000)),
            entrant => Meter.MeasureAsync(entrant.Server, () => LoadAsync(bench, entrant.Port), upstream));
        foreach (var entrant in result.Entrants)
        {
            var expected = entrant.Name == "direct" ? 1 : 2;
            if (entrant.Median(Metric.AcceptsPerRequest.Key) is { } accepts && Math.Abs(accepts - expected) > 0.05)
            {
                entrant.AddNotes([$"not a valid number: {accepts:N3} accepts for each request instead of {expected}"]);
            }

            if (entrant.Median("failed") is > 0)
            {
                entrant.AddNotes([$"{entrant.Median("failed"):N0} connections failed (median of the rounds)"]);
            }
        }

        return [field.WithAbsent(result)];
    }

    private static async Task<Sample> LoadAsync(Bench bench, int port)
    {
        var before = Machine.PassiveOpens();
        var sample = await NativeLoad.ConnectAsync(bench, port, 64, bench.Pick(400, 2000));
        sample[Metric.AcceptsPerRequest.Key] = (Machine.PassiveOpens() - before) / sample["requests"];
        return sample;
    }
}
