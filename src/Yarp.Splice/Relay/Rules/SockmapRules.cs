namespace Yarp.Splice.Relay.Rules;

/// <summary>
/// What user space decides about an armed direction from the counters of the verdict and of TCP: pure functions, explored by the model check
/// (docs/model.md). Positions count the bytes of the direction since it was armed.
/// </summary>
internal static class SockmapRules
{
    /// <summary>
    /// Bytes are received only while the verdict passes, because only then it does not redirect: otherwise it could redirect a segment and pass the
    /// next one just before the read, whose bytes would overtake.
    /// </summary>
    /// <param name="isPassing">Whether the verdict has passed bytes that the sink has not taken.</param>
    /// <param name="isEndSeen">Whether an end or an error of the source has been reported.</param>
    /// <param name="redirected">Bytes that have been redirected. Read after <paramref name="isPassing"/>.</param>
    /// <param name="emptyAt">How many had been when the queue between the sockets was last found empty.</param>
    public static SockmapStep Next(bool isPassing, bool isEndSeen, ulong redirected, ulong emptyAt) =>
        isPassing ? (redirected == emptyAt ? SockmapStep.Receive : SockmapStep.CheckQueue)
        : isEndSeen ? SockmapStep.CheckEnd
        : SockmapStep.AwaitVerdict;

    /// <summary>Whether everything that left the source is in the sink's TCP.</summary>
    /// <param name="acknowledged">Bytes that the sink's peer has acknowledged since the sink was connected.</param>
    /// <param name="unacknowledged">Bytes in the sink's send queue. Read later: an acknowledgement in between makes the sum too small, never too large.</param>
    /// <param name="sentBefore">The sum of the two when the direction was armed.</param>
    /// <param name="redirected">Bytes that were redirected.</param>
    /// <param name="consumed">Passed bytes that the sink has taken.</param>
    public static bool IsQueueEmpty(ulong acknowledged, ulong unacknowledged, ulong sentBefore, ulong redirected, ulong consumed) =>
        acknowledged + unacknowledged - sentBefore >= redirected + consumed;

    /// <summary>Whether the verdict saw more bytes than TCP received, which counts a FIN as one.</summary>
    public static bool IsSurplus(ulong seen, ulong received, bool hasFin) => seen + (hasFin ? 1u : 0u) > received;

    /// <summary>Whether the verdict has seen all that TCP received of a source that has ended. After a reset there is no telling whether FIN had come before.</summary>
    public static bool IsAccountedFor(ulong seen, ulong received) => seen + 1 >= received;

    /// <summary>Whether the end that a read returned is the end of the direction: nothing is on its way through the verdict, or passed and not read.</summary>
    public static bool IsEnd(bool isAccountedFor, bool isPassing) => isAccountedFor && !isPassing;

    /// <summary>
    /// Credit form: the position at which the verdict asks what is acknowledged. Half of the window, or half of what is left of it: a sink that
    /// lags behind is asked about less and less often.
    /// </summary>
    public static long NotifyAt(long acknowledged, long moved, long window) =>
        Math.Max(acknowledged + (window / 2), moved + ((acknowledged + window - moved) / 2));
}
