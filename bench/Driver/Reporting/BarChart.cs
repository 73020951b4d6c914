using System.Globalization;
using System.Net;
using System.Text;
using Bench.Driver.Measuring;
using Bench.Driver.Results;

namespace Bench.Driver.Reporting;

/// <summary>
/// One SVG for each row: for every case a group of bars, the median as the bar and the spread as a thin line. Every group has a scale of
/// its own from zero, so bars compare within a group only.
/// </summary>
internal static class BarChart
{
    private const int Width = 860;
    private const int LabelWidth = 260;
    private const int BarsWidth = 470;
    private const int BarHeight = 18;
    private const int Step = 24;

    public static void Write(string folder, RowResult row)
    {
        var metric = Headings.For(row.Columns)[0];
        var body = new StringBuilder();
        var y = 58;
        foreach (var result in row.Cases)
        {
            y = AddCase(body, result, metric, y);
        }

        var svg = $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {y}" width="{Width}" height="{y}" font-family="system-ui, sans-serif" font-size="13" role="img">
            <title>{Escape(row.Title)}</title>
            <rect width="{Width}" height="{y}" fill="#ffffff"/>
            <text x="16" y="26" font-size="16" font-weight="600" fill="#1f2328">{Escape(row.Title)}</text>
            <text x="16" y="44" fill="#59636e">{Escape(metric.Heading)}, {(metric.HigherIsBetter ? "more" : "less")} is better; line: lowest to highest of {row.Rounds} rounds</text>
            {body}</svg>

            """;
        File.WriteAllText(Path.Combine(folder, row.Name + ".svg"), svg);
    }

    private static int AddCase(StringBuilder body, CaseResult result, Metric metric, int y)
    {
        var entrants = result.Entrants.Where(entrant => entrant.Median(metric.Key) is > 0).ToArray();
        if (entrants.Length == 0)
        {
            return y;
        }

        y += 20;
        body.AppendLine(CultureInfo.InvariantCulture, $"""<text x="16" y="{y}" font-weight="600" fill="#1f2328">{Escape(result.Title)}</text>""");
        y += 8;
        var scale = BarsWidth / entrants.Max(entrant => entrant.Spread(metric.Key)!.Value.High);
        foreach (var entrant in entrants)
        {
            var median = entrant.Median(metric.Key)!.Value;
            var (low, high) = entrant.Spread(metric.Key)!.Value;
            var middle = y + (BarHeight / 2);
            body.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{LabelWidth - 8}" y="{y + 14}" text-anchor="end" fill="#1f2328">{Escape(TableText.Name(entrant))}</text>""");
            body.AppendLine(CultureInfo.InvariantCulture, $"""<rect x="{LabelWidth}" y="{y}" width="{median * scale:F1}" height="{BarHeight}" fill="{(IsOurs(entrant.Name) ? "#0969da" : "#afb8c1")}"/>""");
            body.AppendLine(CultureInfo.InvariantCulture, $"""<line x1="{LabelWidth + (low * scale):F1}" x2="{LabelWidth + (high * scale):F1}" y1="{middle}" y2="{middle}" stroke="#1f2328"/>""");
            body.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{LabelWidth + (high * scale) + 6:F1}" y="{y + 14}" fill="#1f2328">{median.ToString(metric.Format, CultureInfo.InvariantCulture)}{(entrant.LoadWasBottleneck() ? " *" : "")}</text>""");
            y += Step;
        }

        return y + 4;
    }

    private static bool IsOurs(string name) =>
        name.StartsWith("gateway", StringComparison.Ordinal) || name.Contains("Linux transport", StringComparison.Ordinal);

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
