namespace Yarp.Splice.Relay.Rules;

/// <summary>Whether the kernel takes a session over now.</summary>
internal enum ArmingStep
{
    /// <summary>Something is on its way.</summary>
    Wait,

    /// <summary>One side has finished sending or has failed: the kernel asks for ESTABLISHED, so it never will.</summary>
    GiveUp,

    Arm,
}
