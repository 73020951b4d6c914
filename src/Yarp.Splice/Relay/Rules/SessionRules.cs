namespace Yarp.Splice.Relay.Rules;

/// <summary>
/// What a session decides from the states of its directions: pure functions, so that the model check explores the very same decisions in all
/// interleavings (docs/model.md).
/// </summary>
internal static class SessionRules
{
    /// <param name="state">Where the session stands.</param>
    /// <param name="isToUpstreamOver">Whether the direction to the destination is over.</param>
    /// <param name="isToClientOver">Whether the direction to the client is over.</param>
    /// <param name="isFromFailedOver">Whether the direction from the side that has failed is over.</param>
    public static SessionStep Next(RelaySession.State state, bool isToUpstreamOver, bool isToClientOver, bool isFromFailedOver) => state switch
    {
        RelaySession.State.Relaying when isToUpstreamOver && isToClientOver => SessionStep.Finish,
        RelaySession.State.Relaying when isToUpstreamOver || isToClientOver => SessionStep.HalfClose,
        RelaySession.State.Resetting when isFromFailedOver => SessionStep.PassResetOn,
        RelaySession.State.Retiring => SessionStep.EndIfDelivered,
        _ => SessionStep.GoOn,
    };

    public static FailureStep OnFailure(RelaySession.State state, bool isSideToBeReset) => state switch
    {
        RelaySession.State.Relaying => FailureStep.BeginReset,
        RelaySession.State.Resetting when isSideToBeReset => FailureStep.AbandonRest,
        _ => FailureStep.Ignore,
    };

    /// <summary>
    /// Whether a sink may be closed or reset: RST throws the send queue away, so what was handed to the kernel must have been acknowledged before. A
    /// hang-up says nothing about that, it is also what two FINs make.
    /// </summary>
    /// <param name="isOver">Whether nothing more will be handed to the sink.</param>
    /// <param name="hasSinkFailed">Whether the sink was reset or has failed, so that nothing can be delivered.</param>
    /// <param name="unacknowledged">Bytes in the sink's send queue, or a negative error number.</param>
    public static bool IsDelivered(bool isOver, bool hasSinkFailed, long unacknowledged) => isOver && (hasSinkFailed || unacknowledged <= 0);

    public static ArmingStep Arming(bool isAnyEndSeen, bool canBothBeArmed) =>
        isAnyEndSeen ? ArmingStep.GiveUp : canBothBeArmed ? ArmingStep.Arm : ArmingStep.Wait;
}
