using Transport.Linux.Numa;

namespace Transport.Linux.EventLoops;

/// <summary>How many event loops to run, and on which CPUs.</summary>
internal static class WorkerPlacement
{
    /// <summary>
    /// One loop for each CPU that the process may use. The runtime's count respects the affinity mask and rounds a cgroup's CPU quota up
    /// (cpu.max, cgroups(7)).
    /// </summary>
    public static int DefaultThreadCount => Environment.ProcessorCount;

    /// <summary>The CPU of each loop, or <see langword="null"/> for a loop that is not pinned.</summary>
    public static int?[] Place(LinuxTransportOptions options, int[] allowedCpus, CpuTopology topology, NumaTopology nodes)
    {
        if (options.CpuSet is null)
        {
            return Place(options.ThreadCount ?? DefaultThreadCount, allowedCpus);
        }

        if (!CpuList.TryParse(options.CpuSet, out var cpus, out var mistake))
        {
            throw new FormatException($"{LinuxTransportOptions.SectionName}:{nameof(options.CpuSet)} is {options.CpuSet}: {mistake}.");
        }

        var count = options.ThreadCount ?? cpus.Length;
        // Only a loop that has no choice shares a core with another: hyper-threads of one core slow each other down.
        var order = count < cpus.Length ? topology.PhysicalCoresFirst(cpus) : cpus;
        if (count < cpus.Length && options.NumaMode != NumaMode.Off)
        {
            order = nodes.SpreadOverNodes(order);
        }

        return [.. order.Take(count).Select(static cpu => (int?)cpu)];
    }

    /// <summary>Without a CPU set.</summary>
    /// <remarks>
    /// Loops are pinned only when there is exactly one for each allowed CPU. With fewer, because of a quota for example, every container
    /// on the machine would pick the same first CPUs while others idle.
    /// </remarks>
    public static int?[] Place(int count, int[] allowedCpus)
    {
        var placement = new int?[count];
        if (count == allowedCpus.Length)
        {
            for (var i = 0; i < count; i++)
            {
                placement[i] = allowedCpus[i];
            }
        }

        return placement;
    }

    public static string Describe(int?[] placement) =>
        placement is [null, ..] ? "not pinned" : $"pinned to CPU {string.Join(", ", placement)}";
}
