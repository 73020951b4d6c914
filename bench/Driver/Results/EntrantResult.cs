using System.Text.RegularExpressions;
using Bench.Driver.Measuring;

namespace Bench.Driver.Results;

/// <summary>What one contestant did in one case.</summary>
internal sealed partial record EntrantResult(string Name)
{
    public List<Sample> Samples { get; init; } = [];

    public List<string> Notes { get; init; } = [];

    public static EntrantResult Skipped(string name, string reason) => new(name) { Notes = [$"skipped: {reason}"] };

    /// <summary>The mode that a gateway really used, if it was not the one asked for.</summary>
    public string? RanAs { get; set; }

    public double? Median(string metric)
    {
        var values = Values(metric);
        return values.Count == 0 ? null : Statistics.Median(values);
    }

    public (double Low, double High)? Spread(string metric)
    {
        var values = Values(metric);
        return values.Count == 0 ? null : (values.Min(), values.Max());
    }

    /// <summary>True if in most rounds the load generator and not the server was at its limit.</summary>
    public bool LoadWasBottleneck() => Samples.Count > 0 && Samples.Count(static sample => sample.LoadWasBottleneck) * 2 > Samples.Count;

    /// <summary>Keeps what the server has warned of; above all, that a mode was replaced by another.</summary>
    public void AddWarnings(IEnumerable<string> warnings)
    {
        foreach (var warning in warnings)
        {
            AddNotes([$"logged: {warning}"]);
            if (Replacement().Match(warning) is { Success: true } match)
            {
                RanAs = match.Groups[1].Value;
            }
        }
    }

    public void AddNotes(IEnumerable<string> notes)
    {
        foreach (var note in notes)
        {
            if (!Notes.Contains(note))
            {
                Notes.Add(note);
            }
        }
    }

    [GeneratedRegex(@"\bmode \w+ runs as (\w+)", RegexOptions.IgnoreCase)]
    private static partial Regex Replacement();

    private List<double> Values(string metric) =>
        [.. Samples.Where(sample => sample.ContainsKey(metric)).Select(sample => sample[metric])];
}
