using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Processes;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class TcpPauseRow() : Row("tcp-pause", "TCP request/response latency while the relay's process is paused")
{
    private const string Undisturbed = "undisturbed";
    private const string Stopped = "stopped for half of every second";
    private const string Collected = "heap collected hard";
    private const int Connections = 16;
    private const int Rate = 2000;
    private const int MessageBytes = 100;

    public override IReadOnlyList<Metric> Columns =>
        [Metric.Worst, Metric.P999, Metric.P50, Metric.P99, Metric.PerSecond, Metric.Lost];

    protected override int QuickRounds => 1;

    protected override IReadOnlyList<string> Caveats =>
    [
        Caveat.Loopback, Caveat.SharedCpus, Caveat.Fallback,
        $"{Connections} connections that are there before the first pause, {Rate} requests per second in all, on a schedule: a request counts from when it was due, so every request that falls into a pause shows it. The load's own lateness (some 50 µs) is in the figures.",
        "'Stopped' is SIGSTOP and SIGCONT to the relay's processes, standing for a CPU quota, a debugger or a migration. New connections cannot be accepted by any relay meanwhile, and that is not measured.",
        "'Heap collected hard' is the gateway with a million live objects in its heap, and a blocking collection of all of it four times a second. How many there really were, and how long they stopped the managed threads, the process counts itself and stands below the table (bench/CollectionLoad). The collector also takes a CPU meanwhile, beside which the undisturbed HAProxy has none.",
    ];

    protected override IReadOnlyList<Target> Targets =>
    [
        .. new[] { Stopped, Collected }.SelectMany(static title => new[]
        {
            new Target(title, "gateway Sockmap", Metric.Worst, [], 10_000, AtMost: true),
            new Target(title, "gateway Sockmap", Metric.P999, [Relays.HaproxyCopy], 1.5, AtMost: true) { TheirCase = Undisturbed },
        }),
    ];

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        await using var upstream = await Upstreams.RequestResponseAsync(bench);
        var cases = new List<CaseResult>();
        Contestant[] contestants = [.. Relays.Gateways, new HaproxyTcp(Relays.HaproxyCopy, splices: false), new NginxStream(Relays.NginxStream)];
        await using (var field = await Field.StartAsync(bench, contestants, upstream.Port, Checks.RequestResponse(bench), withDirect: true))
        {
            cases.Add(field.WithAbsent(await Interleaving.RunAsync(
                bench, Undisturbed, field.Entrants, Metric.Worst, entrant => WarmUpAsync(bench, entrant), entrant => LoadAsync(bench, entrant))));
            var relays = field.Entrants.Where(static entrant => entrant.Server is not null).ToArray();
            cases.Add(field.WithAbsent(await Interleaving.RunAsync(
                bench, Stopped, relays, Metric.Worst, static _ => Task.FromResult(new Sample()), entrant => LoadWithPausesAsync(bench, entrant))));
        }

        cases.Add(await MeasureCollectedAsync(bench, upstream.Port));
        return cases;
    }

    private static async Task<CaseResult> MeasureCollectedAsync(Bench bench, int upstream)
    {
        var contestants = GatewayTcp.Modes.Select(static mode => new GatewayUnderCollection(mode));
        await using var field = await Field.StartAsync(bench, contestants, upstream, Checks.RequestResponse(bench));
        var result = await Interleaving.RunAsync(
            bench, Collected, field.Entrants, Metric.Worst,
            entrant => WarmUpAsync(bench, entrant),
            entrant => Collections.MeasureAsync(
                GatewayUnderCollection.CollectionSocket(bench.Paths, entrant.Port), () => LoadAsync(bench, entrant)));
        Collections.AddNotes(result);
        return field.WithAbsent(result);
    }

    private static int DurationMs(Bench bench) => bench.Pick(1500, 4_000);

    private static Task<Sample> WarmUpAsync(Bench bench, Entrant entrant) =>
        NativeLoad.RequestResponseAsync(bench, entrant.Port, Connections, MessageBytes, bench.Pick(200, 1000));

    private static Task<Sample> LoadAsync(Bench bench, Entrant entrant) =>
        NativeLoad.RequestResponseAsync(bench, entrant.Port, Connections, MessageBytes, DurationMs(bench), warmUpMs: 300, Rate);

    private static async Task<Sample> LoadWithPausesAsync(Bench bench, Entrant entrant)
    {
        using var finished = new CancellationTokenSource();
        var load = LoadAsync(bench, entrant);
        var pauses = PauseRepeatedlyAsync(entrant.Server!, finished.Token);
        try
        {
            return await load;
        }
        finally
        {
            await finished.CancelAsync();
            await pauses;
        }
    }

    private static async Task PauseRepeatedlyAsync(ServerProcess server, CancellationToken finished)
    {
        try
        {
            while (true)
            {
                // Running first: the connections must be set up before the first pause.
                await Task.Delay(500, finished);
                server.Pause();
                await Task.Delay(500, finished);
                server.Resume();
            }
        }
        catch (OperationCanceledException)
        {
            server.Resume();
        }
    }
}
