using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Rows;

/// <summary>
/// A number to hold: our median divided by the best of the others', or, without others, our median itself. It is reported and never fails
/// a run.
/// </summary>
internal sealed record Target(string Case, string Ours, Metric Metric, IReadOnlyList<string> Theirs, double Bound, bool AtMost)
{
    /// <summary>Where the others' numbers are, if not in the same case.</summary>
    public string? TheirCase { get; init; }

    public static Target AtMostRatio(string title, string ours, Metric metric, double bound, params string[] theirs) => new(title, ours, metric, theirs, bound, true);

    public static Target AtLeastRatio(string title, string ours, Metric metric, double bound, params string[] theirs) => new(title, ours, metric, theirs, bound, false);

    public TargetResult Judge(IReadOnlyList<CaseResult> cases)
    {
        // A mode that ran as another says nothing about itself.
        var ranAs = Find(cases, Case)?.Find(Ours)?.RanAs;
        var value = ranAs is null ? Value(cases) : null;
        var verdict = value switch
        {
            null when ranAs is not null => $"ran as {ranAs}",
            null => "not measured",
            _ when (AtMost ? value <= Bound : value >= Bound) => "met",
            _ => $"short by {Math.Abs((value.Value / Bound) - 1) * 100:0.#} %",
        };
        return new TargetResult(Describe(), value, Bound, AtMost, verdict);
    }

    private double? Value(IReadOnlyList<CaseResult> cases)
    {
        var ours = Find(cases, Case)?.Find(Ours)?.Median(Metric.Key);
        if (Theirs.Count == 0)
        {
            return ours;
        }

        var theirCase = Find(cases, TheirCase ?? Case);
        var theirs = Theirs.Select(name => theirCase?.Find(name)?.Median(Metric.Key)).OfType<double>().ToArray();
        // Against some of the rivals only, "the better of" would be a claim that was not measured.
        if (ours is null || theirs.Length < Theirs.Count)
        {
            return null;
        }

        var best = Metric.HigherIsBetter ? theirs.Max() : theirs.Min();
        return best == 0 ? null : ours / best;
    }

    private string Describe()
    {
        var rivals = Theirs.Count switch
        {
            0 => "",
            1 => $" / {Theirs[0]}",
            _ => $" / the better of {string.Join(" and ", Theirs)}",
        };
        return $"{Case}: {Metric.Heading}, {Ours}{rivals}{(TheirCase is null ? "" : $" ({TheirCase})")}";
    }

    private static CaseResult? Find(IReadOnlyList<CaseResult> cases, string title) => cases.FirstOrDefault(result => result.Title == title);
}
