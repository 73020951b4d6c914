using System.Globalization;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Reporting;

/// <summary>The cells of a case's table, the same for the terminal and for the report.</summary>
internal static class TableText
{
    public const string BottleneckMark = "*";
    public const string BottleneckText = "* the load generator or the upstream was at its limit and the server was not: the server could have done more.";

    /// <summary>Heading and cells; columns that nobody has a number for are left out.</summary>
    public static List<string[]> Cells(CaseResult result, IReadOnlyList<Metric> columns)
    {
        var shown = columns.Where(column => result.Entrants.Exists(entrant => entrant.Median(column.Key) is not null)).ToArray();
        List<string[]> rows = [["", .. shown.Select(static column => column.Heading)]];
        foreach (var entrant in result.Entrants.Where(static entrant => entrant.Samples.Count > 0))
        {
            rows.Add([Name(entrant) + (entrant.LoadWasBottleneck() ? " " + BottleneckMark : ""), .. shown.Select((column, index) => Cell(entrant, column, withSpread: index == 0))]);
        }

        return rows;
    }

    public static IEnumerable<string> Notes(CaseResult result)
    {
        if (result.Entrants.Exists(static entrant => entrant.LoadWasBottleneck()))
        {
            yield return BottleneckText;
        }

        foreach (var entrant in result.Entrants)
        {
            foreach (var note in entrant.Notes)
            {
                yield return $"{entrant.Name}: {note}";
            }
        }
    }

    public static string Describe(TargetResult target) => target.Value is { } value
        ? $"{value.ToString(value >= 100 ? "N0" : "N2", CultureInfo.InvariantCulture)} (target {(target.AtMost ? "≤" : "≥")} {target.Bound.ToString(target.Bound >= 100 ? "N0" : "0.##", CultureInfo.InvariantCulture)})"
        : $"– (target {(target.AtMost ? "≤" : "≥")} {target.Bound.ToString(target.Bound >= 100 ? "N0" : "0.##", CultureInfo.InvariantCulture)})";

    public static string Name(EntrantResult entrant) => entrant.RanAs is null ? entrant.Name : $"{entrant.Name} (ran as {entrant.RanAs})";

    private static string Cell(EntrantResult entrant, Metric column, bool withSpread)
    {
        if (entrant.Median(column.Key) is not { } median)
        {
            return "–";
        }

        var text = median.ToString(column.Format, CultureInfo.InvariantCulture);
        return withSpread && entrant.Samples.Count > 1 && entrant.Spread(column.Key) is { } spread
            ? $"{text} ({spread.Low.ToString(column.Format, CultureInfo.InvariantCulture)}–{spread.High.ToString(column.Format, CultureInfo.InvariantCulture)})"
            : text;
    }
}
