using System.Globalization;

namespace Transport.Linux.EventLoops;

/// <summary>Which CPUs share a physical core, from sysfs (Documentation/ABI/stable/sysfs-devices-system-cpu of the kernel).</summary>
internal sealed class CpuTopology(string sysfsRoot = "/sys")
{
    /// <summary>Orders CPUs so that the first of every physical core comes before the second of any.</summary>
    public int[] PhysicalCoresFirst(int[] cpus)
    {
        var seen = new Dictionary<int, int>();
        var ranks = new int[cpus.Length];
        for (var i = 0; i < cpus.Length; i++)
        {
            // The lowest sibling names the core, whether or not we may use that CPU ourselves.
            var core = FirstSibling(cpus[i]);
            ranks[i] = seen.GetValueOrDefault(core);
            seen[core] = ranks[i] + 1;
        }

        return [.. cpus.Zip(ranks).OrderBy(static pair => pair.Second).ThenBy(static pair => pair.First).Select(static pair => pair.First)];
    }

    private int FirstSibling(int cpu)
    {
        var path = Path.Combine(
            sysfsRoot, "devices/system/cpu", string.Create(CultureInfo.InvariantCulture, $"cpu{cpu}"), "topology/thread_siblings_list");
        try
        {
            return CpuList.TryParse(File.ReadAllText(path).Trim(), out var siblings, out _) && siblings.Length > 0 ? siblings[0] : cpu;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Some containers hide sysfs: then each CPU counts as a core.
            return cpu;
        }
    }
}
