using System.Buffers;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Transport.Linux.Interop;

namespace Transport.Linux.Numa;

/// <summary>Decides which loops take their buffers from a node of their own, and says once if the kernel does not play along.</summary>
internal sealed class NodeMemory(NumaMode mode, NumaTopology topology, ILogger logger)
{
    private int _hasWarned;
    private ImmutableArray<NodeMemoryPool> _pools = [];

    /// <summary>The pools that there are.</summary>
    public IReadOnlyList<NodeMemoryPool> Pools => _pools;

    private bool IsUsed => mode == NumaMode.Bind || (mode == NumaMode.Auto && topology.Nodes.Length > 1);

    /// <summary>A pool on the node of the loop, or <see langword="null"/> where Kestrel's own pool does as well.</summary>
    public MemoryPool<byte>? CreatePool(int? cpu)
    {
        if (!IsUsed || topology.NodeOf(cpu) is not { } node)
        {
            return null;
        }

        var pool = new NodeMemoryPool(node, mode, OnPolicyRefused);
        ImmutableInterlocked.Update(ref _pools, static (pools, added) => pools.Add(added), pool);
        return pool;
    }

    public void LogOnce()
    {
        if (IsUsed)
        {
            TransportLog.NumaNodes(logger, topology.Nodes.Length, topology.Describe(), mode);
        }
    }

    private void OnPolicyRefused(int errno)
    {
        // Container runtimes forbid mbind without CAP_SYS_NICE. A pinned loop still touches most pages first, so the default is local too.
        if (mode == NumaMode.Bind)
        {
            throw Errno.ToException($"{LinuxTransportOptions.SectionName}:{nameof(LinuxTransportOptions.NumaMode)}={mode}: mbind", "buffers", errno);
        }

        if (Interlocked.Exchange(ref _hasWarned, 1) == 0)
        {
            TransportLog.NodePolicyRefused(logger, Errno.Describe(errno));
        }
    }
}
