using System.Buffers;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Transport.Linux.Interop;

namespace Transport.Linux.Numa;

/// <summary>Decides which loops take their buffers from a node of their own, and says once if the kernel does not play along.</summary>
internal sealed class NodeMemory(NumaMode mode, bool hugePages, NumaTopology topology, ILogger logger, string sysfsRoot = "/sys")
{
    private int _hasWarned;
    private int _hasWarnedOfHugePages;
    private ImmutableArray<NodeMemoryPool> _pools = [];

    /// <summary>The pools that there are.</summary>
    public IReadOnlyList<NodeMemoryPool> Pools => _pools;

    /// <summary>Why there can be no huge pages, whether or not they are wanted.</summary>
    public string? HugePagesObstacle { get; } =
        topology.Nodes.Length == 0 ? "the machine shows no memory nodes" : HugePages.FindObstacle(sysfsRoot);

    private bool UsesHugePages => hugePages && HugePagesObstacle is null;

    private bool IsUsed => UsesHugePages || mode == NumaMode.Bind || (mode == NumaMode.Auto && topology.Nodes.Length > 1);

    /// <summary>The node that a loop's buffers come from, or <see langword="null"/> where Kestrel's own pool does as well.</summary>
    public int? NodeOfBuffers(int? cpu) => IsUsed ? topology.NodeOf(cpu) : null;

    /// <summary>A pool on the node of the loop, or <see langword="null"/> where Kestrel's own pool does as well.</summary>
    public MemoryPool<byte>? CreatePool(int? cpu)
    {
        if (NodeOfBuffers(cpu) is not { } node)
        {
            return null;
        }

        var pool = new NodeMemoryPool(node, mode, OnPolicyRefused, UsesHugePages ? OnHugePagesRefused : null);
        ImmutableInterlocked.Update(ref _pools, static (pools, added) => pools.Add(added), pool);
        return pool;
    }

    public void LogOnce()
    {
        if (IsUsed)
        {
            TransportLog.NumaNodes(logger, topology.Nodes.Length, topology.Describe(), mode);
        }

        if (hugePages && HugePagesObstacle is { } obstacle)
        {
            WarnOfHugePages(obstacle);
        }
    }

    private void OnHugePagesRefused(int errno) => WarnOfHugePages($"madvise: {Errno.Describe(errno)}");

    private void WarnOfHugePages(string reason)
    {
        if (Interlocked.Exchange(ref _hasWarnedOfHugePages, 1) == 0)
        {
            TransportLog.NoHugePages(logger, reason);
        }
    }

    private void OnPolicyRefused(int errno)
    {
        // Container runtimes forbid mbind without CAP_SYS_NICE. A pinned loop still touches most pages first, so the default is local too.
        if (mode == NumaMode.Bind)
        {
            throw Errno.ToException($"{LinuxTransportOptions.SectionName}:{nameof(LinuxTransportOptions.NumaMode)}={mode}: mbind", "buffers", errno);
        }

        // With one node, where the pool is there for its huge pages, the policy would have changed nothing.
        if (topology.Nodes.Length > 1 && Interlocked.Exchange(ref _hasWarned, 1) == 0)
        {
            TransportLog.NodePolicyRefused(logger, Errno.Describe(errno));
        }
    }
}
