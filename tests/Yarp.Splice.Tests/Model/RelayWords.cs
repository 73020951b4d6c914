using Yarp.Splice.Relay;

namespace Yarp.Splice.Tests.Model;

/// <summary>Puts the model's steps into words.</summary>
internal static class RelayWords
{
    private static readonly string[] s_peers = ["client", "upstream"];
    private static readonly string[] s_sockets = ["client's socket", "upstream's socket"];
    private static readonly string[] s_directions = ["to upstream", "to client"];

    public static string Describe(StepKind kind, int at, in RelayState before, in RelayState after)
    {
        var from = before.Endpoints[at];
        var to = after.Endpoints[at];
        var text = kind switch
        {
            StepKind.Send => $"{s_peers[at]} sends byte {to.Sent}",
            StepKind.SendTwo => $"{s_peers[at]} sends bytes {from.Sent + 1} and {to.Sent} in one segment",
            StepKind.SendOverlapping => $"{s_peers[at]} sends byte {from.Sent} again, and byte {to.Sent}, in one segment",
            StepKind.Finish => $"{s_peers[at]} sends FIN",
            StepKind.SendAndFinish => $"{s_peers[at]} sends byte {to.Sent} and FIN in one segment",
            StepKind.Reset => $"{s_peers[at]} sends RST",
            StepKind.Delete => "relay deletes the live entry",
            StepKind.Read => $"{s_peers[at]} reads",
            StepKind.ReadEnd => $"{s_peers[at]} reads FIN",
            StepKind.Verdict => $"verdict on the {s_sockets[at]}: {DescribeVerdict(before.Directions[at], after.Directions[at])}",
            StepKind.Work => $"kernel's worker serves the {s_sockets[at]}",
            StepKind.TakeEvent => $"relay takes the event of the {s_sockets[at]}",
            StepKind.TakeNotice => $"relay takes the verdict's notice, {s_directions[at]}",
            StepKind.Check => $"relay looks again, {s_directions[at]}",
            StepKind.Poll => "relay's timer fires",
            StepKind.Continue => "relay's next turn",
            StepKind.TakeOtherWay => before.Point == RelayPoint.ChooseArming ? "relay arms the session" : $"relay changes the path, {s_directions[before.At]}",
            _ => $"relay: {before.Point}, {s_directions[before.At]}",
        };
        return $"{text,-64} {Describe(after, 0)} | {Describe(after, 1)}{(after.Session == RelaySession.State.Relaying ? "" : $" | {after.Session}")}";
    }

    private static string DescribeVerdict(in DirectionState before, in DirectionState after) =>
        after.Redirected > before.Redirected ? "redirects"
        : after.Stage == VerdictStage.Passing ? "decides to pass"
        : after.Stage == VerdictStage.Delivering ? "counts as passed"
        : before.Stage == VerdictStage.Delivering ? "hands over"
        : "drops";

    /// <summary>Where the bytes of a direction are, in the order of their way.</summary>
    private static string Describe(in RelayState state, int at)
    {
        var direction = state.Directions[at];
        var source = state.Endpoints[at];
        var sink = state.Endpoints[1 - at];
        return $"{s_directions[at]}: received {source.Received} passed {source.Passed} held {direction.Held} pipe {direction.Pipe} " +
            $"waiting {sink.Waiting} sent {sink.Unacknowledged} arrived {sink.Got}";
    }
}
