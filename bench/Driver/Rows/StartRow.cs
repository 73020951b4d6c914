using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class StartRow() : MemoryRow("start", "Starting a relay: until its port is open, and its memory then")
{
    public override IReadOnlyList<Metric> Columns => [Metric.Start, Metric.Resident];

    protected override IReadOnlyList<string> Caveats =>
    [
        "From the start of the process until a connect to its port succeeds, asked every 20 ms. Memory is resident memory (VmRSS) after one exchange, shared pages included.",
        "The gateway compiles its code as it runs (no ahead-of-time compilation); in mode Sockmap it also loads and probes its eBPF program.",
        Caveat.Fallback,
    ];

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        await using var upstream = await Upstreams.RequestResponseAsync(bench);
        return
        [
            await MeasureCaseAsync(bench, "one route", upstream.Port, Metric.Start, Checks.RequestResponse(bench), static entrant =>
            {
                var sample = new Sample();
                if (entrant.Server is { } server)
                {
                    sample[Metric.Start.Key] = server.ListenedAfter.TotalMilliseconds;
                    sample[Metric.Resident.Key] = Processes.ProcessTree.ResidentBytes(server.Members) / 1048576.0;
                }

                return Task.FromResult(sample);
            }),
        ];
    }
}
