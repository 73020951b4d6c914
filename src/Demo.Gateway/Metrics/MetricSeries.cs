using System.Globalization;
using System.Text;

namespace Demo.Gateway.Metrics;

/// <summary>One combination of labels, and what was measured for it. Thread-safe without a lock.</summary>
internal sealed class MetricSeries(KeyValuePair<string, string>[] labels, double[] bounds)
{
    private readonly long[] _buckets = new long[bounds.Length + 1];
    private long _valueBits;

    public IReadOnlyList<KeyValuePair<string, string>> Labels => labels;

    /// <summary><c>name="value",…</c>, escaped.</summary>
    public string LabelText { get; } = Format(labels);

    /// <summary>The value, or a histogram's sum.</summary>
    public double Value => BitConverter.Int64BitsToDouble(Volatile.Read(ref _valueBits));

    /// <summary>The collection that this was last set in.</summary>
    public long LastSeen { get; private set; }

    public void Add(double change)
    {
        var before = Volatile.Read(ref _valueBits);
        while (true)
        {
            var after = BitConverter.DoubleToInt64Bits(BitConverter.Int64BitsToDouble(before) + change);
            var found = Interlocked.CompareExchange(ref _valueBits, after, before);
            if (found == before)
            {
                return;
            }

            before = found;
        }
    }

    /// <summary>Several measurements of one collection are summed: their instruments or attributes differ only in what labels cannot show.</summary>
    public void Set(double value, long collection)
    {
        Volatile.Write(ref _valueBits, BitConverter.DoubleToInt64Bits(LastSeen == collection ? Value + value : value));
        LastSeen = collection;
    }

    public void Record(double value)
    {
        var index = Array.BinarySearch(bounds, value);
        Interlocked.Increment(ref _buckets[index < 0 ? ~index : index]);
        Add(value);
    }

    /// <summary>How many values were at most each bound, and last all of them.</summary>
    public long[] CumulativeCounts()
    {
        var counts = new long[_buckets.Length];
        var sum = 0L;
        for (var i = 0; i < counts.Length; i++)
        {
            counts[i] = sum += Interlocked.Read(ref _buckets[i]);
        }

        return counts;
    }

    private static string Format(KeyValuePair<string, string>[] labels)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in labels)
        {
            text.Append(text.Length == 0 ? "" : ",").Append(CultureInfo.InvariantCulture, $"{name}=\"");
            foreach (var character in value)
            {
                _ = character switch
                {
                    '\\' => text.Append(@"\\"),
                    '"' => text.Append("\\\""),
                    '\n' => text.Append(@"\n"),
                    _ => text.Append(character),
                };
            }

            text.Append('"');
        }

        return text.ToString();
    }
}
