namespace Yarp.Splice.Tests.Model;

/// <summary>What the relay remembers of a socket's readiness: RelayEndpoint.</summary>
[Flags]
internal enum Known : byte
{
    None = 0,
    Readable = 1,
    Writable = 2,
    EndSeen = 4,
    Failed = 8,

    /// <summary>A hang-up was seen. Nothing is decided by it; mutants do.</summary>
    HungUp = 16,
}
