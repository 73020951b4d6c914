using System.Reflection;
using Bench.Driver.Measuring;
using Bench.Driver.Rows;

namespace Bench.Driver.Reporting;

/// <summary>Finds a metric by its key, for results that come from a file.</summary>
internal static class Headings
{
    private static readonly Dictionary<string, Metric> s_metrics = AllRows.Create()
        .SelectMany(static row => row.Columns).DistinctBy(static metric => metric.Key).ToDictionary(static metric => metric.Key);

    public static IReadOnlyList<Metric> For(IEnumerable<string> keys) =>
        [.. keys.Select(static key => s_metrics.TryGetValue(key, out var metric) ? metric : new Metric(key, key, "N2", false))];
}
