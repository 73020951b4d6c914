using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class HttpPlaintextRow() : Row("http-plaintext", "HTTP/1.1 plaintext over keep-alive connections")
{
    private const string Ours = "Linux transport";
    private const string OursInline = "Linux transport, inline";
    private const string Sockets = "Kestrel sockets";
    private const string SocketsInline = "Kestrel sockets, inline";
    private const string Floor = "epoll responder in C (floor)";

    public override IReadOnlyList<Metric> Columns =>
        [Metric.ServerCpu, Metric.PerSecond, Metric.P50, Metric.P99, Metric.BusyPerRequest, Metric.ServerCores, Metric.LoadCores, Metric.Resident];

    protected override int QuickRounds => 1;

    protected override IReadOnlyList<string> Caveats =>
    [
        Caveat.Loopback, Caveat.SharedCpus, Caveat.KernelThreads,
        "One middleware without routing: the share of the transport is larger than in an application.",
        "wrk is closed-loop: its percentiles leave out what a stalled server would have done to requests that were not sent.",
        "The floor parses no header and builds no date; NGINX answers with a constant from its configuration.",
    ];

    protected override IReadOnlyList<Target> Targets =>
    [
        Target.AtMostRatio(CaseTitle(64), Ours, Metric.ServerCpu, 0.75, Sockets),
        Target.AtMostRatio(CaseTitle(64), OursInline, Metric.ServerCpu, 0.9, SocketsInline),
        Target.AtMostRatio(CaseTitle(64), OursInline, Metric.ServerCpu, 1.6, Floor),
    ];

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        Contestant[] contestants =
        [
            new HttpServer(Ours, onLinuxTransport: true, inline: false, 0),
            new HttpServer(OursInline, onLinuxTransport: true, inline: true, 0),
            new HttpServer(Sockets, onLinuxTransport: false, inline: false, 0),
            new HttpServer(SocketsInline, onLinuxTransport: false, inline: true, 0),
            new NginxConstant("NGINX, constant", 0),
            new HttpFloor(Floor),
        ];
        await using var field = await Field.StartAsync(bench, contestants, 0, Checks.HttpAsync);
        var cases = new List<CaseResult>();
        foreach (var connections in bench.Pick<int[]>([64], [1, 64, 512]))
        {
            cases.Add(field.WithAbsent(await Interleaving.RunAsync(
                bench, CaseTitle(connections), field.Entrants, Metric.PerSecond,
                entrant => Wrk.RunAsync(bench, entrant.Port, connections, bench.Pick(1, connections == 1 ? 4 : 2)),
                entrant => Meter.MeasureAsync(entrant.Server, () => Wrk.RunAsync(bench, entrant.Port, connections, bench.Pick(1, 3))))));
        }

        return cases;
    }

    private static string CaseTitle(int connections) => connections == 1 ? "1 connection" : $"{connections} connections";
}
