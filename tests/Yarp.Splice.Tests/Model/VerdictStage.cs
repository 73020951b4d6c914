namespace Yarp.Splice.Tests.Model;

/// <summary>Where the verdict is with a segment. User space may run between the stages.</summary>
internal enum VerdictStage : byte
{
    None,

    /// <summary>Decided to pass; the counter has yet to say so.</summary>
    Passing,

    /// <summary>Counted; not readable yet.</summary>
    Delivering,
}
