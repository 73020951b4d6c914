using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Tests.Model;

namespace Yarp.Splice.Tests.Verdict;

/// <summary>
/// The model of the relay, with each of its steps of the verdict also made by the program: from the same counters, for the same segment. Where the
/// model's verdict stops between deciding and counting, the program is compared with both steps. What the model leaves out is as it is in an
/// idle kernel: the ring buffer has room, and the segments that are counted are few.
/// </summary>
internal sealed class ModelWithProgram(ModelBounds bounds) : IModel<RelayState>
{
    private readonly RelayModel _model = new(bounds);
    private readonly BpfProgram _program = BpfProgram.Load(bounds.Form);
    private readonly HashSet<(VerdictCase Case, bool WasTold)> _compared = [];
    private readonly List<Transition<RelayState>> _continued = [];

    public RelayState Start => _model.Start;

    /// <summary>How many different segments and states the program has met.</summary>
    public int Compared => _compared.Count;

    public void AddTransitions(in RelayState state, List<Transition<RelayState>> transitions)
    {
        _model.AddTransitions(state, transitions);
        for (var i = 0; i < transitions.Count; i++)
        {
            var (action, next, _, broken) = transitions[i];
            if (broken is null && IsDecision(action, state, out var at) && Compare(state, next, at) is { } difference)
            {
                transitions[i] = transitions[i] with { Broken = difference };
            }
        }
    }

    public string? FindFault(in RelayState state) => _model.FindFault(state);

    public string? FindFaultAtRest(in RelayState state) => _model.FindFaultAtRest(state);

    public string Describe(byte action, in RelayState before, in RelayState after) => _model.Describe(action, before, after);

    private static bool IsDecision(byte action, in RelayState state, out int at)
    {
        at = action & 1;
        return (StepKind)(action >> 1) == StepKind.Verdict && state.Directions[at].Stage == VerdictStage.None;
    }

    private string? Compare(in RelayState before, in RelayState decided, int at)
    {
        var verdictCase = CaseOf(before, at);
        var (from, sink) = (before.Directions[at], 1 - at);
        var wasTold = from.Has(DirectionFacts.Told);
        if (!_compared.Add((verdictCase, wasTold)))
        {
            return null;
        }

        var after = decided.Directions[at].Stage == VerdictStage.Passing ? Continue(decided, at) : decided;
        var to = after.Directions[at];
        var isRedirected = after.Endpoints[sink].Waiting.Count > before.Endpoints[sink].Waiting.Count;
        var outcome = _program.Run(verdictCase);
        var slot = outcome.Slot;
        var isSame =
            (slot.Redirected, slot.Passed, slot.Notified, slot.NextSequence) == (to.Redirected, to.Passed, to.Notified, to.NextSequence) &&
            slot.Failure != 0 == to.Has(DirectionFacts.Damaged) &&
            outcome.IsRedirected == isRedirected &&
            outcome.IsKept == (isRedirected || to.Stage == VerdictStage.Delivering) &&
            (wasTold || outcome.Notices > 0 == to.Has(DirectionFacts.Told));
        return isSame ? null : $"the program differs from the model: {outcome} of {verdictCase}";
    }

    /// <summary>The model's second step: counting what is passed.</summary>
    private RelayState Continue(in RelayState decided, int at)
    {
        _continued.Clear();
        _model.AddTransitions(decided, _continued);
        return _continued.Single(transition => transition.Action == (byte)(((int)StepKind.Verdict << 1) | at)).Next;
    }

    private VerdictCase CaseOf(in RelayState state, int at)
    {
        var direction = state.Directions[at];
        var position = (uint)(state.Endpoints[at].Received.Head & ~ByteQueue.Mark);
        return new VerdictCase
        {
            Form = bounds.Form,
            Sequence = position,
            NextSequence = direction.NextSequence,
            IsStarted = direction.NextSequence != 0,
            HasPeerBase = direction.NextSequence != 0,
            Redirected = direction.Redirected,
            Passed = direction.Passed,
            Consumed = direction.Consumed,
            Acknowledged = _model.AcknowledgedOf(state, at),
            Notified = direction.Notified,
            NotifyAt = direction.NotifyAt,
            Window = _model.WindowOf(direction),
            MostHeld = bounds.MostHeld,
            Failure = direction.Has(DirectionFacts.Damaged) ? SockmapFailure.Gap : SockmapFailure.None,
        };
    }
}
