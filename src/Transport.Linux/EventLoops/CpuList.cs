using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Transport.Linux.EventLoops;

/// <summary>The kernel's notation for sets of CPUs: <c>0-3,8</c> (cpuset(7), list format).</summary>
internal static class CpuList
{
    // The largest NR_CPUS that a kernel can be built with.
    private const int MaxCpus = 8192;

    /// <summary>The CPUs, ascending and each once; or what is wrong with the text.</summary>
    public static bool TryParse(string text, out int[] cpus, [NotNullWhen(false)] out string? mistake)
    {
        cpus = [];
        mistake = null;
        var found = new SortedSet<int>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var dash = part.IndexOf('-', StringComparison.Ordinal);
            var first = dash < 0 ? part : part[..dash];
            var last = dash < 0 ? part : part[(dash + 1)..];
            if (!TryParseCpu(first, out var from) || !TryParseCpu(last, out var to))
            {
                mistake = part.Length == 0 ? "a CPU is missing" : $"'{part}' is neither a CPU from 0 to {MaxCpus - 1} nor a range of them";
                return false;
            }

            if (from > to)
            {
                mistake = $"the range '{part}' runs backwards";
                return false;
            }

            found.UnionWith(Enumerable.Range(from, to - from + 1));
        }

        cpus = [.. found];
        return true;
    }

    private static bool TryParseCpu(string text, out int cpu) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out cpu) && cpu < MaxCpus;
}
