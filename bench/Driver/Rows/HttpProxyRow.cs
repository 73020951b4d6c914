using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class HttpProxyRow() : Row("http-proxy", "HTTP/1.1 through a reverse proxy")
{
    private const string OnOurs = "YARP on the Linux transport";
    private const string OnSockets = "YARP on Kestrel sockets";

    public override IReadOnlyList<Metric> Columns =>
        [Metric.PerSecond, Metric.ServerCpu, Metric.P50, Metric.P99, Metric.BusyPerRequest, Metric.ServerCores, Metric.UpstreamCores, Metric.LoadCores, Metric.Resident];

    protected override int QuickRounds => 1;

    protected override IReadOnlyList<string> Caveats =>
    [
        Caveat.Loopback, Caveat.SharedCpus, Caveat.KernelThreads,
        "The two YARP contestants are one program that differs in its transport only. YARP's way to the upstream (HttpClient on .NET sockets) is the same in both.",
        "13-byte bodies, no TLS, HTTP/1.1 on both sides.",
    ];

    protected override IReadOnlyList<Target> Targets =>
        [Target.AtLeastRatio(CaseTitle(64), OnOurs, Metric.PerSecond, 1.2, OnSockets)];

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        await using var upstream = await Upstreams.HttpAsync(bench);
        Contestant[] contestants =
        [
            new YarpServer(OnOurs, onLinuxTransport: true),
            new YarpServer(OnSockets, onLinuxTransport: false),
            new GatewayHttp("gateway"),
            new NginxHttpProxy("NGINX http proxy"),
            new HaproxyHttp("HAProxy http"),
        ];
        await using var field = await Field.StartAsync(bench, contestants, upstream.Port, Checks.HttpAsync, withDirect: true);
        var cases = new List<CaseResult>();
        foreach (var connections in bench.Pick<int[]>([64], [1, 64, 512]))
        {
            cases.Add(field.WithAbsent(await Interleaving.RunAsync(
                bench, CaseTitle(connections), field.Entrants, Metric.PerSecond,
                entrant => Wrk.RunAsync(bench, entrant.Port, connections, bench.Pick(1, 2)),
                entrant => Meter.MeasureAsync(entrant.Server, () => Wrk.RunAsync(bench, entrant.Port, connections, bench.Pick(1, 3)), upstream))));
        }

        return cases;
    }

    private static string CaseTitle(int connections) => connections == 1 ? "1 connection" : $"{connections} connections";
}
