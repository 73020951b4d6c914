namespace Yarp.Splice.Relay.Paths;

/// <summary>The ways of a byte, by how far from user space they are. Metrics and the access log show the names.</summary>
internal enum PathKind
{
    /// <summary>Not connected yet.</summary>
    None,

    Copy,

    Splice,

    Sockmap,

    /// <summary>Where there is no event loop.</summary>
    Managed,
}
