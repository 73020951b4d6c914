namespace Yarp.Splice;

/// <summary>How the bytes of a TCP route are moved: the value of a route's <c>"Mode"</c>.</summary>
public enum SpliceMode
{
    /// <summary>recv(2) into a buffer, send(2) from it, on the event loop. Always possible; best for small messages.</summary>
    Copy,

    /// <summary>
    /// splice(2) from socket to pipe to socket, without a copy into user space, as soon as one read fills the buffer; small messages are copied.
    /// Best for bulk.
    /// </summary>
    Splice,

    /// <summary>Redirected inside the kernel by an eBPF program. Falls back to <see cref="Splice"/> where it is not available.</summary>
    Sockmap,

    /// <summary>
    /// Chosen for each direction from what the connection does: <see cref="Copy"/> at first, <see cref="Splice"/> after a few full reads in a
    /// row, and back after a run of small ones.
    /// </summary>
    Auto,
}
