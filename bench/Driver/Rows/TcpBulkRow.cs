using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class TcpBulkRow() : Row("tcp-bulk", "TCP bulk, one way")
{
    private const string One = "1 connection";
    private static readonly string[] s_ours = ["gateway Splice", "gateway Auto"];

    public override IReadOnlyList<Metric> Columns =>
        [Metric.Throughput, Metric.BusySeconds, Metric.ServerCpuSeconds, Metric.ServerCores, Metric.UpstreamCores, Metric.LoadCores, Metric.Resident];

    protected override IReadOnlyList<string> Caveats =>
    [
        Caveat.Loopback, Caveat.SharedCpus, Caveat.KernelThreads, Caveat.Fallback,
        "The sender sends from ordinary memory; the receiver drops the bytes inside the kernel, so what a real receiver pays for its copy is not in the busy seconds. The receiver confirms the count of bytes on every connection.",
        "NGINX has a proxy_buffer_size of 64k here.",
    ];

    protected override IReadOnlyList<Target> Targets =>
    [
        .. s_ours.SelectMany(static ours => new[]
        {
            Target.AtLeastRatio(One, ours, Metric.Throughput, 1.2, Relays.HaproxySplice),
            Target.AtMostRatio(One, ours, Metric.BusySeconds, 0.95, Relays.HaproxySplice),
            Target.AtLeastRatio(One, ours, Metric.Throughput, 1.0, Relays.HaproxyBigPipes),
            Target.AtMostRatio(One, ours, Metric.BusySeconds, 1.0, Relays.HaproxyBigPipes),
        }),
    ];

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        await using var upstream = await Upstreams.SinkAsync(bench);
        await using var field = await Field.StartAsync(bench, Relays.All("64k"), upstream.Port, Checks.Bulk(bench), withDirect: true);
        var bytes = bench.Pick(500_000_000L, 4L << 30);
        var cases = new List<CaseResult>();
        foreach (var connections in new[] { 1, 8 })
        {
            cases.Add(field.WithAbsent(await Interleaving.RunAsync(
                bench, connections == 1 ? One : $"{connections} connections", field.Entrants, Metric.Throughput,
                entrant => NativeLoad.BulkAsync(bench, entrant.Port, connections, bytes / 8),
                entrant => Meter.MeasureAsync(entrant.Server, () => NativeLoad.BulkAsync(bench, entrant.Port, connections, bytes), upstream))));
        }

        return cases;
    }
}
