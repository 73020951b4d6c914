using Bench.Driver.Contestants;
using Bench.Driver.Loads;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

internal sealed class HttpChurnRow() : Row("http-churn", "HTTP/1.1 with connections that live for 1 and for 10 requests")
{
    private const string Ours = "Linux transport";
    private const string Sockets = "Kestrel sockets";
    private const string Nginx = "NGINX, constant";
    private static readonly int[] s_requestsPerConnection = [1, 10];

    public override IReadOnlyList<Metric> Columns =>
        [Metric.PerSecond, Metric.ServerCpu, Metric.P50, Metric.P99, Metric.BusyPerRequest, Metric.AcceptsPerRequest, Metric.ServerCores, Metric.LoadCores];

    protected override int QuickRounds => 1;

    protected override IReadOnlyList<string> Caveats =>
    [
        Caveat.Loopback, Caveat.SharedCpus, Caveat.KernelThreads,
        "The server announces the close and closes. Accepts per request is the kernel's count of accepted connections (TcpPassiveOpens) over the requests: 1 and 0.1 are right, anything else means that the load did not reconnect as it should.",
        "64 connections at a time from one address; no TLS, whose handshake would outweigh everything here.",
    ];

    protected override IReadOnlyList<Target> Targets =>
    [
        .. s_requestsPerConnection.SelectMany(static requests => new[]
        {
            Target.AtMostRatio(CaseTitle(requests), Ours, Metric.ServerCpu, 0.7, Sockets),
            Target.AtLeastRatio(CaseTitle(requests), Ours, Metric.PerSecond, 1.25, Sockets),
            Target.AtLeastRatio(CaseTitle(requests), Ours, Metric.PerSecond, 0.95, Nginx),
        }),
    ];

    protected override async Task<List<CaseResult>> MeasureAsync(Bench bench)
    {
        var cases = new List<CaseResult>();
        foreach (var requests in s_requestsPerConnection)
        {
            Contestant[] contestants =
            [
                new HttpServer(Ours, onLinuxTransport: true, inline: false, requests),
                new HttpServer("Linux transport, inline", onLinuxTransport: true, inline: true, requests),
                new HttpServer(Sockets, onLinuxTransport: false, inline: false, requests),
                new HttpServer("Kestrel sockets, inline", onLinuxTransport: false, inline: true, requests),
                new NginxConstant(Nginx, requests),
                new HttpFloor("epoll responder in C (floor)", requests),
            ];
            await using var field = await Field.StartAsync(bench, contestants, 0, Checks.HttpAsync);
            var result = await Interleaving.RunAsync(
                bench, CaseTitle(requests), field.Entrants, Metric.PerSecond,
                entrant => bench.Quick ? Task.FromResult(new Sample()) : Wrk.RunAsync(bench, entrant.Port, 64, 3),
                entrant => Meter.MeasureAsync(entrant.Server, () => LoadAsync(bench, entrant.Port)));
            foreach (var entrant in result.Entrants)
            {
                // The load's own open connections come on top, so a little more than the exact ratio is right.
                if (entrant.Median(Metric.AcceptsPerRequest.Key) is { } accepts && (accepts * requests < 0.98 || accepts * requests > 1.1))
                {
                    entrant.AddNotes([$"not a valid number: {accepts:N3} accepts for each request instead of {1.0 / requests:N3}"]);
                }
            }

            cases.Add(field.WithAbsent(result));
        }

        return cases;
    }

    private static async Task<Sample> LoadAsync(Bench bench, int port)
    {
        var before = Machine.PassiveOpens();
        var sample = await Wrk.RunAsync(bench, port, 64, bench.Pick(1, 3));
        sample[Metric.AcceptsPerRequest.Key] = (Machine.PassiveOpens() - before) / sample["requests"];
        return sample;
    }

    private static string CaseTitle(int requests) => requests == 1 ? "1 request per connection" : $"{requests} requests per connection";
}
