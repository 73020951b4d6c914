namespace Yarp.Splice.Tests.Verdict;

/// <summary>How the ring buffer is in which the verdict names slots.</summary>
internal enum RingState
{
    HasRoom,
    Full,

    /// <summary>Its event loop empties it while the verdict runs.</summary>
    FullOnce,

    Missing,
}
