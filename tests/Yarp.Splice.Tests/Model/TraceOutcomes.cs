using Yarp.Splice.Relay;

namespace Yarp.Splice.Tests.Model;

/// <summary>
/// Explores the states that the model can reach while the peers do certain things in a certain order, whatever else happens in between, and tells
/// what the peers may have seen when it is at rest.
/// </summary>
internal sealed class TraceOutcomes(ModelBounds bounds)
{
    private readonly RelayModel _model = new(bounds);
    private readonly List<Transition<RelayState>> _transitions = [];

    /// <summary>What client and upstream have seen, and whether the session is over.</summary>
    public HashSet<(PeerView Client, PeerView Upstream, bool IsEnded)> Of(IReadOnlyList<PeerStep> trace)
    {
        var outcomes = new HashSet<(PeerView, PeerView, bool)>();
        // For each number of steps done.
        var seen = Enumerable.Range(0, trace.Count + 1).Select(static _ => new HashSet<RelayState>(new StateComparer<RelayState>())).ToArray();
        var open = new Stack<(RelayState State, int Done)>([(_model.Start, 0)]);
        while (open.TryPop(out var entry))
        {
            var (state, done) = entry;
            _transitions.Clear();
            _model.AddTransitions(state, _transitions);
            var isAtRest = true;
            foreach (var (action, next, isProgress, broken) in _transitions)
            {
                Assert.Null(broken);
                var step = new PeerStep((StepKind)(action >> 1), (byte)(action & 1));
                var doneAfter = isProgress ? done : done + StepsMade(step, trace, done);
                isAtRest &= !isProgress || StateComparer<RelayState>.AreSame(next, state);
                if ((isProgress || doneAfter > done) && seen[doneAfter].Add(next))
                {
                    open.Push((next, doneAfter));
                }
            }

            if (isAtRest && done == trace.Count)
            {
                outcomes.Add((ViewOf(state, 0), ViewOf(state, 1), state.Session == RelaySession.State.Ended));
            }
        }

        return outcomes;
    }

    /// <summary>How many steps of the trace a step of the model is; zero, if it is not the one that is due.</summary>
    private static int StepsMade(PeerStep step, IReadOnlyList<PeerStep> trace, int done)
    {
        // TCP may put into one segment what was sent in two steps.
        var parts = step.Kind switch
        {
            StepKind.SendTwo => [StepKind.Send, StepKind.Send],
            StepKind.SendAndFinish => [StepKind.Send, StepKind.Finish],
            _ => new[] { step.Kind },
        };
        return trace.Skip(done).Take(parts.Length).SequenceEqual(parts.Select(part => new PeerStep(part, step.At))) ? parts.Length : 0;
    }

    private static PeerView ViewOf(in RelayState state, int at)
    {
        var endpoint = state.Endpoints[at];
        return endpoint.Has(SocketFacts.Reset) ? new PeerView(0, PeerEnd.OwnReset)
            : new PeerView(endpoint.Got, endpoint.Has(SocketFacts.GotFin) ? PeerEnd.Fin : endpoint.Has(SocketFacts.GotReset) ? PeerEnd.Reset : PeerEnd.Open);
    }
}
