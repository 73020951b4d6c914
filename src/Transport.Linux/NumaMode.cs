namespace Transport.Linux;

/// <summary>How the transport deals with memory nodes (numa(7)).</summary>
public enum NumaMode
{
    /// <summary>On a machine with more than one node, a pinned event loop takes its buffers from its own node while that has any
    /// (MPOL_PREFERRED, mbind(2)). On one node nothing is done.</summary>
    Auto = 0,

    /// <summary>Nodes are not looked at.</summary>
    Off = 1,

    /// <summary>An event loop takes its buffers from its own node only, even if others have memory left (MPOL_BIND, mbind(2)).</summary>
    Bind = 2,
}
