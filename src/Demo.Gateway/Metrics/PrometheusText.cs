using System.Globalization;
using System.Text;

namespace Demo.Gateway.Metrics;

/// <summary>The Prometheus text format, version 0.0.4.</summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public static string Write(IReadOnlyList<(MetricFamily Family, MetricSeries[] Series)> families)
    {
        var text = new StringBuilder(64 * 1024);
        foreach (var (family, series) in families)
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {family.Name} {Escape(family.Help)}\n");
            text.Append(CultureInfo.InvariantCulture, $"# TYPE {family.Name} {family.Kind.ToString().ToLowerInvariant()}\n");
            foreach (var one in series)
            {
                if (family.Kind == MetricKind.Histogram)
                {
                    WriteHistogram(text, family, one);
                }
                else
                {
                    text.Append(family.Name).Append(Braces(one.LabelText)).Append(' ').Append(Number(one.Value)).Append('\n');
                }
            }
        }

        return text.ToString();
    }

    private static void WriteHistogram(StringBuilder text, MetricFamily family, MetricSeries series)
    {
        var counts = series.CumulativeCounts();
        var separator = series.LabelText.Length == 0 ? "" : ",";
        for (var i = 0; i < counts.Length; i++)
        {
            var bound = i < family.Bounds.Count ? Number(family.Bounds[i]) : "+Inf";
            text.Append(CultureInfo.InvariantCulture, $"{family.Name}_bucket{{{series.LabelText}{separator}le=\"{bound}\"}} {counts[i]}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"{family.Name}_sum{Braces(series.LabelText)} {Number(series.Value)}\n");
        text.Append(CultureInfo.InvariantCulture, $"{family.Name}_count{Braces(series.LabelText)} {counts[^1]}\n");
    }

    private static string Braces(string labels) => labels.Length == 0 ? "" : $"{{{labels}}}";

    private static string Escape(string help) => help.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal);

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        double.NaN => "NaN",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };
}
