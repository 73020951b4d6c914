using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class TcpRequestResponseRow() : Row("tcp-rr", "TCP request/response")
{
    private static readonly int[] s_connections = [1, 64, 512];

    public override IReadOnlyList<Metric> Columns =>
        [Metric.PerSecond, Metric.P50, Metric.P99, Metric.P999, Metric.ServerCpu, Metric.BusyPerRequest, Metric.ServerCores, Metric.UpstreamCores, Metric.LoadCores];

    protected override IReadOnlyList<string> Caveats =>
    [
        Caveat.Loopback, Caveat.SharedCpus, Caveat.KernelThreads, Caveat.Fallback,
        "One request in flight on each connection, the next as soon as the response is there (closed loop): percentiles hide what a pause would have done to requests that were not sent. The row tcp-pause keeps to a schedule instead.",
    ];

    protected override IReadOnlyList<Target> Targets =>
    [
        .. s_connections.Skip(1).SelectMany(static connections => new[]
        {
            Target.AtLeastRatio(CaseTitle(connections, 100), "gateway Copy", Metric.PerSecond, 1.1, Relays.HaproxyCopy, Relays.NginxStream),
            Target.AtLeastRatio(CaseTitle(connections, 100), "gateway Auto", Metric.PerSecond, 1.1, Relays.HaproxyCopy, Relays.NginxStream),
            Target.AtLeastRatio(CaseTitle(connections, 100), "gateway Sockmap", Metric.PerSecond, 0.95, Relays.HaproxyCopy, Relays.NginxStream),
            Target.AtLeastRatio(CaseTitle(connections, 16384), "gateway Copy", Metric.PerSecond, 1.1, Relays.HaproxyCopy, Relays.NginxStream),
            Target.AtLeastRatio(CaseTitle(connections, 16384), "gateway Auto", Metric.PerSecond, 1.1, Relays.HaproxyCopy, Relays.NginxStream),
            Target.AtLeastRatio(CaseTitle(connections, 16384), "gateway Sockmap", Metric.PerSecond, 0.95, Relays.HaproxyCopy, Relays.NginxStream),
        }),
        .. GatewayTcp.Modes.Select(static mode => Target.AtMostRatio(CaseTitle(1, 100), $"gateway {mode}", Metric.P50, 0.95, Relays.HaproxyCopy)),
    ];

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        await using var upstream = await Upstreams.RequestResponseAsync(bench);
        await using var field = await Field.StartAsync(
            bench, Relays.WithoutBigPipes, upstream.Port, Checks.RequestResponse(bench), withDirect: true);
        var cases = new List<CaseResult>();
        foreach (var bytes in new[] { 100, 16384 })
        {
            foreach (var connections in bench.Quick && bytes != 100 ? [64] : s_connections)
            {
                cases.Add(field.WithAbsent(await Interleaving.RunAsync(
                    bench, CaseTitle(connections, bytes), field.Entrants, Metric.PerSecond,
                    entrant => NativeLoad.RequestResponseAsync(bench, entrant.Port, connections, bytes, bench.Pick(100, 1000)),
                    entrant => Meter.MeasureAsync(
                        entrant.Server, () => NativeLoad.RequestResponseAsync(bench, entrant.Port, connections, bytes, bench.Pick(250, 2000)), upstream))));
            }
        }

        return cases;
    }

    private static string CaseTitle(int connections, int bytes) =>
        $"{(connections == 1 ? "1 connection" : $"{connections} connections")}, {(bytes == 100 ? "100 B" : "16 KiB")}";
}
