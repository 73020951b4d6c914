using Bench.Driver.Reporting;
using Bench.Driver.Results;

namespace Bench.Driver.Measuring;

/// <summary>
/// Runs the contestants of a case in turns: one round after the other, everyone once in each, starting at another one every time. What
/// disturbs the machine for a while then hits all of them.
/// </summary>
internal static class Interleaving
{
    public static async Task<CaseResult> RunAsync(
        Bench bench, string title, IReadOnlyList<Entrant> entrants, Metric shown, Func<Entrant, Task<Sample>> warmUp, Func<Entrant, Task<Sample>> load)
    {
        var results = entrants.Select(static entrant => new EntrantResult(entrant.Name)).ToArray();
        for (var i = 0; i < entrants.Count; i++)
        {
            RunProgress.Step($"{title}: warming up {entrants[i].Name}");
            await TryAsync(entrants[i], results[i], warmUp);
        }

        for (var round = 0; round < bench.Rounds; round++)
        {
            for (var turn = 0; turn < entrants.Count; turn++)
            {
                var index = (round + turn) % entrants.Count;
                RunProgress.Step($"{title}: round {round + 1}/{bench.Rounds} {entrants[index].Name}");
                if (await TryAsync(entrants[index], results[index], load) is { } sample)
                {
                    results[index].Samples.Add(sample);
                }

                RunProgress.Note(Describe(results[index], shown));
            }
        }

        for (var i = 0; i < entrants.Count; i++)
        {
            results[i].AddWarnings(entrants[i].Server?.ReadWarnings() ?? []);
        }

        return new CaseResult(title, [.. results]);
    }

    private static async Task<Sample?> TryAsync(Entrant entrant, EntrantResult result, Func<Entrant, Task<Sample>> load)
    {
        try
        {
            return await load(entrant);
        }
        catch (BenchException exception)
        {
            // One contestant's failure is a result of its own and must not take the others' numbers away.
            result.AddNotes([$"failed: {exception.Message}"]);
            return null;
        }
    }

    private static string Describe(EntrantResult result, Metric shown) => result.Samples.Count > 0 && result.Samples[^1].TryGetValue(shown.Key, out var value)
        ? $"{value.ToString(shown.Format)} {shown.Heading}"
        : result.Notes.Count > 0 ? result.Notes[^1] : "no result";
}
