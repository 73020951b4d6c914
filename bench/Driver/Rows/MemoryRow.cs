using Bench.Driver.Contestants;
using Bench.Driver.Measuring;
using Bench.Driver.Processes;
using Bench.Driver.Reporting;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

/// <summary>
/// Rows that measure memory. Every measurement starts its contestant anew: memory that a process took once stays with it, and the second
/// measurement of the same process would find nothing added. The direct connection is measured too, to be taken off by the reader.
/// </summary>
internal abstract class MemoryRow(string name, string title) : Row(name, title)
{
    protected override int QuickRounds => 1;

    protected static async Task<CaseResult> MeasureCaseAsync(
        Bench bench, string title, int upstream, Metric shown, Func<int, Task> check, Func<Entrant, Task<Sample>> measure)
    {
        var contestants = Relays.WithoutBigPipes.ToArray();
        var results = new Dictionary<string, EntrantResult> { ["direct"] = new("direct") };
        foreach (var contestant in contestants)
        {
            results[contestant.Name] = contestant.WhyUnavailable(bench) is { } reason
                ? EntrantResult.Skipped(contestant.Name, reason)
                : new EntrantResult(contestant.Name);
        }

        for (var round = 0; round < bench.Rounds; round++)
        {
            RunProgress.Step($"{title}: round {round + 1}/{bench.Rounds} direct");
            await MeasureOneAsync(bench, new Entrant("direct", upstream, null), results["direct"], shown, measure);
            foreach (var contestant in contestants.Where(contestant => contestant.WhyUnavailable(bench) is null))
            {
                if (results[contestant.Name].RanAs is not null)
                {
                    // One round has shown that it is another contestant under a second name.
                    continue;
                }

                RunProgress.Step($"{title}: round {round + 1}/{bench.Rounds} {contestant.Name}");
                try
                {
                    var port = bench.Ports.Take();
                    await using var server = await contestant.StartAsync(bench, port, upstream);
                    // Warm: code is compiled and pools are filled before memory is counted.
                    await check(port);
                    await MeasureOneAsync(bench, new Entrant(contestant.Name, port, server), results[contestant.Name], shown, measure);
                    results[contestant.Name].AddWarnings(server.ReadWarnings());
                }
                catch (BenchException exception)
                {
                    results[contestant.Name].AddNotes([$"failed: {exception.Message}"]);
                    RunProgress.Note($"failed: {exception.Message}");
                }
            }
        }

        return new CaseResult(title, [.. results.Values]);
    }

    private static async Task MeasureOneAsync(Bench bench, Entrant entrant, EntrantResult result, Metric shown, Func<Entrant, Task<Sample>> measure)
    {
        var sample = await measure(entrant);
        result.Samples.Add(sample);
        RunProgress.Note(sample.TryGetValue(shown.Key, out var value) ? $"{value.ToString(shown.Format)} {shown.Heading}" : "done");
        // Closed connections give their memory back a little later (RCU, TIME_WAIT); the next one must not profit from it.
        await Task.Delay(bench.Pick(300, 1000));
    }
}
