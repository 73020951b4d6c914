namespace Yarp.Splice.Relay.Rules;

/// <summary>What user space does with a source that is armed and may be readable.</summary>
internal enum SockmapStep
{
    /// <summary>Nothing is passed, and the verdict tells when something is.</summary>
    AwaitVerdict,

    /// <summary>Passed bytes must not overtake redirected ones: look whether these are in the sink's TCP.</summary>
    CheckQueue,

    /// <summary>The source has ended: look whether the verdict has seen all of it.</summary>
    CheckEnd,

    /// <summary>Receive passed bytes.</summary>
    Receive,
}
