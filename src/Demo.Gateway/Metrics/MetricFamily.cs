using System.Globalization;

namespace Demo.Gateway.Metrics;

/// <summary>The series of one metric. Finding the series of a measurement takes no lock and no memory.</summary>
internal sealed class MetricFamily(string name, string help, MetricKind kind, bool isObserved, double[] bounds)
{
    /// <summary>Beyond it, measurements with new labels are counted together: labels that clients can choose must not fill the memory.</summary>
    private const int MaxSeries = 2000;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, MetricSeries> _series = new(StringComparer.Ordinal);
    private volatile Entry?[] _table = new Entry?[16];
    private int _entries;

    public string Name => name;

    public string Help => help;

    public MetricKind Kind => kind;

    /// <summary>Whether values are asked for, so that one which is not given any more is gone.</summary>
    public bool IsObserved => isObserved;

    public IReadOnlyList<double> Bounds => bounds;

    public MetricSeries Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var hash = HashOf(tags);
        var table = _table;
        for (var entry = table[hash & (table.Length - 1)]; entry is not null; entry = entry.Next)
        {
            if (entry.Hash == hash && AreSame(entry.Tags, tags))
            {
                return entry.Series;
            }
        }

        return Add(tags, hash);
    }

    /// <summary>The series, ordered by their labels.</summary>
    public MetricSeries[] List()
    {
        lock (_lock)
        {
            return [.. _series.Values.OrderBy(static series => series.LabelText, StringComparer.Ordinal)];
        }
    }

    private static int HashOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var hash = default(HashCode);
        foreach (var (key, value) in tags)
        {
            hash.Add(key);
            hash.Add(value);
        }

        return hash.ToHashCode();
    }

    private static bool AreSame(KeyValuePair<string, object?>[] known, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (known.Length != tags.Length)
        {
            return false;
        }

        for (var i = 0; i < known.Length; i++)
        {
            if (known[i].Key != tags[i].Key || !Equals(known[i].Value, tags[i].Value))
            {
                return false;
            }
        }

        return true;
    }

    private static KeyValuePair<string, string>[] LabelsOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        // Names that differ only in characters that labels cannot have become one, and a label without a value is none.
        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in tags)
        {
            var text = value is bool flag ? (flag ? "true" : "false") : Convert.ToString(value, CultureInfo.InvariantCulture);
            if (!string.IsNullOrEmpty(text))
            {
                labels.TryAdd(MetricName.OfLabel(key), text);
            }
        }

        return [.. labels];
    }

    private MetricSeries Add(ReadOnlySpan<KeyValuePair<string, object?>> tags, int hash)
    {
        lock (_lock)
        {
            var isFull = _entries >= MaxSeries;
            var series = new MetricSeries(isFull ? [new("otel_metric_overflow", "true")] : LabelsOf(tags), bounds);
            if (!_series.TryAdd(series.LabelText, series))
            {
                series = _series[series.LabelText];
            }

            if (isFull)
            {
                return series;
            }

            var table = _table;
            if (++_entries > table.Length)
            {
                // Entries are never changed: readers of the old table go on in it.
                var larger = new Entry?[table.Length * 2];
                foreach (var first in table)
                {
                    for (var entry = first; entry is not null; entry = entry.Next)
                    {
                        ref var slot = ref larger[entry.Hash & (larger.Length - 1)];
                        slot = new Entry(entry.Tags, entry.Hash, entry.Series, slot);
                    }
                }

                table = larger;
            }

            ref var place = ref table[hash & (table.Length - 1)];
            Volatile.Write(ref place, new Entry(tags.ToArray(), hash, series, place));
            _table = table;
            return series;
        }
    }

    private sealed record Entry(KeyValuePair<string, object?>[] Tags, int Hash, MetricSeries Series, Entry? Next);
}
