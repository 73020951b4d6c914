using System.Globalization;
using Transport.Linux.EventLoops;

namespace Transport.Linux.Numa;

/// <summary>The machine's memory nodes and their CPUs (Documentation/ABI/stable/sysfs-devices-node of the kernel).</summary>
internal sealed class NumaTopology
{
    private const string NodePrefix = "node";

    private readonly Dictionary<int, int> _nodeOfCpu = [];

    public NumaTopology(string sysfsRoot = "/sys")
    {
        var found = new SortedDictionary<int, int[]>();
        try
        {
            foreach (var directory in Directory.EnumerateDirectories(Path.Combine(sysfsRoot, "devices/system/node"), NodePrefix + "*"))
            {
                if (int.TryParse(Path.GetFileName(directory.AsSpan())[NodePrefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var node)
                    && CpuList.TryParse(File.ReadAllText(Path.Combine(directory, "cpulist")).Trim(), out var cpus, out _))
                {
                    // A node without CPUs has memory only (an empty list, which doesn't parse); no loop can be near it.
                    found[node] = cpus;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A kernel without NUMA, or a container that hides sysfs: no nodes.
            found.Clear();
        }

        Nodes = [.. found.Select(static pair => (pair.Key, pair.Value))];
        foreach (var (node, cpus) in Nodes)
        {
            foreach (var cpu in cpus)
            {
                _nodeOfCpu[cpu] = node;
            }
        }
    }

    public (int Node, int[] Cpus)[] Nodes { get; }

    /// <summary>The node of a loop's CPU; with a single node also that of a loop that isn't pinned.</summary>
    public int? NodeOf(int? cpu) =>
        cpu is { } known && _nodeOfCpu.TryGetValue(known, out var node) ? node
        : Nodes is [var only] ? only.Node
        : null;

    /// <summary>Reorders CPUs so that the nodes take turns; within a node the order stays.</summary>
    public int[] SpreadOverNodes(int[] cpus)
    {
        var turns = new Dictionary<int, int>();
        return [.. cpus
            .Select(cpu =>
            {
                var node = NodeOf(cpu) ?? -1;
                var turn = turns.GetValueOrDefault(node);
                turns[node] = turn + 1;
                return (Cpu: cpu, Turn: turn);
            })
            .OrderBy(static entry => entry.Turn)
            .Select(static entry => entry.Cpu)];
    }

    public string Describe() => string.Join("; ", Nodes.Select(static entry => $"node {entry.Node}: CPU {string.Join(',', entry.Cpus)}"));
}
