using Bench.Driver.Reporting;
using RelayCases;

namespace Bench.Driver.Cases;

/// <summary>Plays every black-box case against every relay: what each does, not how fast.</summary>
internal static class CaseMatrix
{
    public const string Name = "cases";
    public const string Title = "What TCP relays do in the black-box cases";

    public static async Task<CaseResults> RunAsync(Bench bench)
    {
        CaseContestant[] contestants =
        [
            .. Contestants.GatewayTcp.Modes.Select(static mode => new GatewayCases(mode)),
            new HaproxyCases(), new NginxCases("NGINX, proxy_half_close on", passesHalfClose: true), new NginxCases("NGINX, default", passesHalfClose: false),
        ];
        var results = new CaseResults([.. contestants.Select(static contestant => contestant.Name)]);
        foreach (var contestant in contestants)
        {
            if (contestant.WhyUnavailable(bench) is { } reason)
            {
                RunProgress.Note($"{contestant.Name} does not take part: {reason}");
                continue;
            }

            await PlayAsync(bench, contestant, results);
        }

        return results;
    }

    private static async Task PlayAsync(Bench bench, CaseContestant contestant, CaseResults results)
    {
        RunProgress.Step(contestant.Name);
        using var topology = new RelayTopology(bench.Ports.Take);
        contestant.Topology = topology;
        await using var server = await contestant.StartAsync(bench, topology.Routes.First().Port, 0);
        foreach (var relayCase in AllCases.List)
        {
            foreach (var prereads in relayCase.AlsoAfterPreread ? new[] { false, true } : [false])
            {
                var outcome = contestant.WhyNot(relayCase) is { } reason ? new CaseOutcome(null, reason) : await PlayAsync(topology, relayCase, prereads);
                results.Add(relayCase, prereads, contestant.Name, outcome);
                if (outcome.Passed == false)
                {
                    RunProgress.Note($"{relayCase}{(prereads ? ", after a ClientHello" : "")}: {outcome.Text}");
                }
            }
        }

        foreach (var warning in server.ReadWarnings())
        {
            RunProgress.Note(warning);
        }
    }

    private static async Task<CaseOutcome> PlayAsync(RelayTopology topology, RelayCase relayCase, bool prereads)
    {
        try
        {
            return new CaseOutcome(true, await topology.RunAsync(relayCase, prereads));
        }
        catch (CaseFailedException exception)
        {
            return new CaseOutcome(false, exception.Message);
        }
    }
}
