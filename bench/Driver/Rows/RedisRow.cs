using System.Globalization;
using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Processes;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class RedisRow() : Row("redis", "Redis through a relay: redis-benchmark, GET of 100 B, 50 connections")
{
    public override IReadOnlyList<Metric> Columns =>
        [Metric.PerSecond, Metric.P50, Metric.P99, Metric.ServerCpu, Metric.BusyPerRequest, Metric.ServerCores, Metric.UpstreamCores, Metric.LoadCores];

    protected override IReadOnlyList<string> Caveats =>
    [
        Caveat.Loopback, Caveat.SharedCpus, Caveat.KernelThreads, Caveat.Fallback,
        "With -P 16 sixteen commands travel together, and a relay's cost is spread over them. The keys are not there: Redis answers nil, so the relay's share is as large as it gets.",
    ];

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        if (!Tool.Exists("redis-server") || !Tool.Exists("redis-benchmark"))
        {
            throw new BenchException("redis-server and redis-benchmark are not installed.");
        }

        var port = bench.Ports.Take();
        await using var upstream = await ServerProcess.StartAsync(bench, new ServerCommand("redis-server", port, "redis-server",
        [
            "--bind", "127.0.0.1", "--port", port.ToString(CultureInfo.InvariantCulture), "--save", "", "--appendonly", "no", "--dir", bench.Paths.Temporary,
        ]));
        await using var field = await Field.StartAsync(
            bench, Relays.WithoutBigPipes, port, target => RedisBenchmark.RunAsync(bench, target, 1, 200), withDirect: true);
        var cases = new List<CaseResult>();
        foreach (var pipeline in new[] { 1, 16 })
        {
            var requests = bench.Pick(20_000, 150_000) * (pipeline == 1 ? 1 : 5);
            cases.Add(field.WithAbsent(await Interleaving.RunAsync(
                bench, $"-P {pipeline}", field.Entrants, Metric.PerSecond,
                entrant => RedisBenchmark.RunAsync(bench, entrant.Port, pipeline, requests / 5),
                entrant => Meter.MeasureAsync(entrant.Server, () => RedisBenchmark.RunAsync(bench, entrant.Port, pipeline, requests), upstream))));
        }

        return cases;
    }
}
