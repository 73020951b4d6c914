namespace Yarp.Splice.Relay.Rules;

/// <summary>What a session does after its directions have moved what they could.</summary>
internal enum SessionStep
{
    GoOn,

    /// <summary>One direction is over: the other one has less time.</summary>
    HalfClose,

    /// <summary>Both directions are over: both sides are closed.</summary>
    Finish,

    /// <summary>What the failed side had sent is handed over: the other side is reset once it has acknowledged it.</summary>
    PassResetOn,

    /// <summary>Both sides are closed once they have acknowledged what was held.</summary>
    EndIfDelivered,
}
