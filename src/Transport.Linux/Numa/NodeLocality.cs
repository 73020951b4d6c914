using Transport.Linux.Interop;

namespace Transport.Linux.Numa;

/// <summary>Whether a connection's packets arrive on the memory node of the loop that accepted it. Asked once for each connection.</summary>
internal sealed class NodeLocality
{
    /// <summary>By CPU; <see langword="null"/> where the machine has one node, and nothing needs to be asked.</summary>
    private readonly bool[]? _isOwnCpu;

    private NodeLocality(bool[]? isOwnCpu) => _isOwnCpu = isOwnCpu;

    /// <summary>For a loop near this node.</summary>
    /// <returns><see langword="null"/> if the loop's node is not known, so that there is nothing to compare with.</returns>
    public static NodeLocality? Of(NumaTopology nodes, int? loopNode)
    {
        if (nodes.Nodes.Length <= 1)
        {
            // None are shown by a kernel without NUMA.
            return new NodeLocality(null);
        }

        if (loopNode is not { } own)
        {
            return null;
        }

        var isOwnCpu = new bool[1 + nodes.Nodes.Max(static node => node.Cpus.Max())];
        foreach (var cpu in nodes.Nodes.Single(node => node.Node == own).Cpus)
        {
            isOwnCpu[cpu] = true;
        }

        return new NodeLocality(isOwnCpu);
    }

    /// <summary>Of a TCP connection that was just accepted: the CPU that received its handshake (socket(7), SO_INCOMING_CPU).</summary>
    /// <returns><see langword="null"/> if the kernel does not say.</returns>
    public bool? IsLocal(int descriptor)
    {
        if (_isOwnCpu is null)
        {
            return true;
        }

        return SocketCalls.GetOption(descriptor, SocketCalls.SOL_SOCKET, SocketCalls.SO_INCOMING_CPU, out var cpu) >= 0 && cpu >= 0
            ? cpu < _isOwnCpu.Length && _isOwnCpu[cpu]
            : null;
    }
}
