using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Reporting;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class PostgresRow() : Row("postgres", "PostgreSQL through a relay: pgbench -S, 8 connections")
{
    private static readonly Metric s_average = new("averageUs", "average µs", "N0", false);

    public override IReadOnlyList<Metric> Columns =>
        [Metric.PerSecond, s_average, Metric.ServerCpu, Metric.BusyPerRequest, Metric.ServerCores, Metric.LoadCores];

    protected override int QuickRounds => 1;

    protected override IReadOnlyList<string> Caveats =>
    [
        Caveat.Loopback, Caveat.SharedCpus, Caveat.KernelThreads, Caveat.Fallback,
        "The database works more for a SELECT than any relay does for its bytes; the difference between relays is a small part of the whole. fsync is off, which a read-only load does not notice.",
    ];

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        RunProgress.Step("setting up PostgreSQL");
        await using var upstream = await PostgresServer.StartAsync(bench);
        await using var field = await Field.StartAsync(
            bench, Relays.WithoutBigPipes, upstream.Port, target => Pgbench.RunAsync(bench, target, 1, 1), withDirect: true);
        return
        [
            field.WithAbsent(await Interleaving.RunAsync(
                bench, "SELECT by primary key", field.Entrants, Metric.PerSecond,
                entrant => bench.Quick ? Task.FromResult(new Sample()) : Pgbench.RunAsync(bench, entrant.Port, 8, 2),
                entrant => Meter.MeasureAsync(entrant.Server, () => Pgbench.RunAsync(bench, entrant.Port, 8, bench.Pick(1, 3))))),
        ];
    }
}
