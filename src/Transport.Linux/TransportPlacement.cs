using Microsoft.Extensions.Logging.Abstractions;
using Transport.Linux.EventLoops;
using Transport.Linux.Interop;
using Transport.Linux.Numa;

namespace Transport.Linux;

/// <summary>
/// What the transport makes of this machine: its CPUs and memory nodes, and where the event loops and their buffers go. For a diagnosis command; of
/// running loops see <see cref="EventLoopGroup.Placement"/>.
/// </summary>
public sealed class TransportPlacement
{
    private TransportPlacement(int[] allowedCpus, NumaTopology nodes, LoopPlacement[] loops, string? hugePagesObstacle)
    {
        AllowedCpus = allowedCpus;
        Nodes = [.. nodes.Nodes.Select(static node => new MemoryNode(node.Node, node.Cpus))];
        Loops = loops;
        HugePagesObstacle = hugePagesObstacle;
    }

    /// <summary>The CPUs of the process's affinity mask, ascending (sched_getaffinity(2)); empty if the kernel does not say.</summary>
    public IReadOnlyList<int> AllowedCpus { get; }

    /// <summary>The memory nodes that have CPUs, ascending; empty if sysfs does not show them.</summary>
    public IReadOnlyList<MemoryNode> Nodes { get; }

    /// <summary>The event loops, by their index.</summary>
    public IReadOnlyList<LoopPlacement> Loops { get; }

    /// <summary>Why buffers cannot have huge pages on this machine, or <see langword="null"/> if they can. Whether they are wanted is
    /// <see cref="LinuxTransportOptions.HugePages"/>.</summary>
    public string? HugePagesObstacle { get; }

    /// <summary>Looks at the machine. No thread is started and nothing is changed.</summary>
    /// <param name="options">The options to place the loops by; they must be valid.</param>
    /// <returns>What would be, if the loops were started now.</returns>
    /// <exception cref="FormatException"><see cref="LinuxTransportOptions.CpuSet"/> is not a list of CPUs.</exception>
    /// <exception cref="PlatformNotSupportedException">The operating system is not Linux.</exception>
    public static TransportPlacement Find(LinuxTransportOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var nodes = new NumaTopology();
        return Find(options, nodes, new NodeMemory(options.NumaMode, options.HugePages, nodes, NullLogger.Instance));
    }

    internal static TransportPlacement Find(LinuxTransportOptions options, NumaTopology nodes, NodeMemory memory)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new PlatformNotSupportedException("Event loops need epoll(7), which only Linux has.");
        }

        var allowedCpus = SchedulerCalls.AllowedCpus();
        var loops = WorkerPlacement.Place(options, allowedCpus, new CpuTopology(), nodes)
            .Select((cpu, index) => new LoopPlacement(index, cpu, nodes.NodeOf(cpu), memory.NodeOfBuffers(cpu)));
        return new TransportPlacement(allowedCpus, nodes, [.. loops], memory.HugePagesObstacle);
    }
}
