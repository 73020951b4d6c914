using Yarp.Splice.Relay;

namespace Yarp.Splice.Tests.Model;

/// <content>The invariants. Those of single steps (order, FIN behind the bytes, no false alarm) are where the step is made.</content>
internal sealed partial class RelayModel
{
    public string? FindFault(in RelayState state)
    {
        foreach (var i in s_both)
        {
            var direction = state.Directions[i];
            var sink = state.Endpoints[1 - i];
            if (direction.Held.Count + direction.Pipe.Count > Math.Max(bounds.Transfer, bounds.Prefix))
            {
                return $"the relay holds {direction.Held.Count + direction.Pipe.Count} bytes of one direction, more than one transfer";
            }

            if (CountRedirected(sink.Waiting) + sink.Unacknowledged.Count > bounds.SendBuffer)
            {
                return "more is on its way to a socket than its send queue takes";
            }
        }

        return null;
    }

    public string? FindFaultAtRest(in RelayState state)
    {
        var first = state.Endpoints[0];
        var second = state.Endpoints[1];
        var isEnded = state.Session == RelaySession.State.Ended;
        if (first.Has(SocketFacts.Reset) || second.Has(SocketFacts.Reset))
        {
            return !isEnded ? "one side was reset, but the session has not ended"
                : second.Has(SocketFacts.Reset) ? (first.Has(SocketFacts.Reset) ? null : FindMissingReset(second, first))
                : FindMissingReset(first, second);
        }

        var isFinished = first.Has(SocketFacts.Fin) && second.Has(SocketFacts.Fin);
        return FindMissing(first, second) ?? FindMissing(second, first) ??
            (isEnded == isFinished ? null : isEnded ? "the session has ended too soon" : "both sides have finished, but the session has not ended");
    }

    private static string? FindMissing(in EndpointState source, in EndpointState sink) =>
        sink.Got != source.Sent ? $"byte {sink.Got + 1} of {source.Sent} never arrives"
        : source.Has(SocketFacts.Fin) && !sink.Has(SocketFacts.GotFin) ? "FIN is never passed on"
        : null;

    private static string? FindMissingReset(in EndpointState failed, in EndpointState other) =>
        other.Got != failed.Sent ? $"byte {other.Got + 1} of {failed.Sent}, which came before RST, never arrives"
        : other.Has(SocketFacts.GotReset) || (failed.Has(SocketFacts.Fin) && other.Has(SocketFacts.GotFin)) ? null
        : "RST is never passed on";

    private static int CountRedirected(ByteQueue waiting)
    {
        var count = 0;
        while (!waiting.IsEmpty)
        {
            count += (waiting.Take() & ByteQueue.Mark) == 0 ? 1 : 0;
        }

        return count;
    }
}
