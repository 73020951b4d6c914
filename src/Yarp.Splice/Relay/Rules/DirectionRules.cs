using Yarp.Splice.Relay.Paths;

namespace Yarp.Splice.Relay.Rules;

/// <summary>
/// What a direction decides, apart from what it does: pure functions, so that the model check explores the very same decisions in all
/// interleavings (docs/model.md).
/// </summary>
internal static class DirectionRules
{
    /// <param name="isFlushed">Whether the sink is writable and has taken all that was held.</param>
    /// <param name="isSourceEnded">Whether the source has been read to its end, or is not read any more.</param>
    /// <param name="isSourceReadable">Whether a read may return something.</param>
    public static DirectionStep Next(bool isFlushed, bool isSourceEnded, bool isSourceReadable) =>
        !isFlushed ? DirectionStep.AwaitSink
        : isSourceEnded ? DirectionStep.Finish
        : isSourceReadable ? DirectionStep.Transfer
        : DirectionStep.AwaitSource;

    /// <summary>
    /// Whether a read of less than was asked for has emptied the socket: then the next segment makes a new event (epoll(7), edge-triggered use). Not
    /// behind an end, which is reported once, nor with urgent data, at which a read stops.
    /// </summary>
    public static bool IsEmptied(int received, int asked, bool isEndSeen, bool isUrgentSeen) =>
        received < asked && !isEndSeen && !isUrgentSeen;

    /// <summary>
    /// Whether nothing is on its way and the source has been read to its end, so that the kernel could go on from here: a segment of which a
    /// part was read would be relayed as a whole.
    /// </summary>
    public static bool CanArm(PathKind path, bool isHolding, bool isSourceReadable, bool isSinkWritable, bool isSourceEnded, bool isOver) =>
        path == PathKind.Copy && !isHolding && !isSourceReadable && isSinkWritable && !isSourceEnded && !isOver;

    /// <summary>
    /// Whether a direction may leave its path for another one. What Copy holds is sent whatever the path; what is in a pipe only by Splice; and
    /// taking a live socket out of a sockmap loses bytes.
    /// </summary>
    public static bool MayLeave(PathKind path, bool isPipeEmpty) => path switch
    {
        PathKind.Copy => true,
        PathKind.Splice => isPipeEmpty,
        _ => false,
    };

    /// <summary>How a direction ends whose source has ended and that holds nothing.</summary>
    public static RelayFlow EndOf(bool isSourceFailed) => isSourceFailed ? RelayFlow.SourceFailed : RelayFlow.Finished;

    /// <summary>Whether nothing will be moved any more.</summary>
    public static bool IsOver(RelayFlow flow) => flow is RelayFlow.Finished or RelayFlow.SourceFailed or RelayFlow.SinkFailed;
}
