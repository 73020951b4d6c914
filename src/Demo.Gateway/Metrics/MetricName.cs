using System.Diagnostics.Metrics;
using System.Text;

namespace Demo.Gateway.Metrics;

/// <summary>Names as OpenTelemetry's rules for Prometheus make them: <c>splice.bytes</c> in <c>By</c> becomes <c>splice_bytes_total</c>.</summary>
internal static class MetricName
{
    public static string Of(Instrument instrument, MetricKind kind)
    {
        var name = Clean(instrument.Name, allowColon: true);
        var unit = UnitOf(instrument.Unit, kind);
        if (unit.Length > 0 && !name.EndsWith($"_{unit}", StringComparison.Ordinal))
        {
            name = $"{name}_{unit}";
        }

        return kind == MetricKind.Counter && !name.EndsWith("_total", StringComparison.Ordinal) ? $"{name}_total" : name;
    }

    public static string OfLabel(string name) => Clean(name, allowColon: false);

    private static string UnitOf(string? unit, MetricKind kind) => unit switch
    {
        null or "" => "",
        "s" => "seconds",
        "ms" => "milliseconds",
        "By" => "bytes",
        "1" => kind == MetricKind.Gauge ? "ratio" : "",
        "%" => "percent",
        // {session}: what is counted, which is no unit.
        ['{', ..] => "",
        _ => Clean(unit, allowColon: false),
    };

    private static string Clean(string name, bool allowColon)
    {
        var clean = new StringBuilder(name.Length);
        foreach (var character in name)
        {
            clean.Append(char.IsAsciiLetterOrDigit(character) || character == '_' || (allowColon && character == ':') ? character : '_');
        }

        return clean.Length == 0 || char.IsAsciiDigit(clean[0]) ? $"_{clean}" : clean.ToString();
    }
}
