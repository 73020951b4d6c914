using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Model;

/// <summary>
/// A relayed session in all interleavings: what the peers do, what the kernel does by itself, and what the event loop does. The decisions are
/// the product's own (Relay/Rules); docs/model.md says what is left out.
/// </summary>
internal sealed partial class RelayModel(ModelBounds bounds) : IModel<RelayState>
{
    private static readonly byte[] s_both = [0, 1];

    public RelayState Start
    {
        get
        {
            var state = new RelayState
            {
                Failed = RelayState.Nobody,
                Session = RelaySession.State.Relaying,
                AwaitsArming = bounds.MayArm,
                MaySplice = bounds.MaySplice && !bounds.MayArm,
            };
            foreach (var i in s_both)
            {
                state.Endpoints[i].Facts = SocketFacts.WantsIn | SocketFacts.WantsOut | SocketFacts.Ready;
                state.Directions[i].Path = PathKind.Copy;
            }

            state.Endpoints[0].Sent = (byte)bounds.Prefix;
            for (var i = 1; i <= bounds.Prefix && bounds.Mutant != Mutant.PrefixForgotten; i++)
            {
                state.Directions[0].Held.Add(i);
            }

            return state;
        }
    }

    private int MostSent(int endpoint) => endpoint == 0 ? bounds.FromClient : bounds.FromUpstream;

    public void AddTransitions(in RelayState state, List<Transition<RelayState>> transitions)
    {
        foreach (var i in s_both)
        {
            Try(StepKind.Send, i, state, transitions);
            Try(StepKind.SendTwo, i, state, transitions);
            Try(StepKind.SendOverlapping, i, state, transitions);
            Try(StepKind.Finish, i, state, transitions);
            Try(StepKind.SendAndFinish, i, state, transitions);
            Try(StepKind.Reset, i, state, transitions);
            Try(StepKind.Read, i, state, transitions);
            Try(StepKind.ReadEnd, i, state, transitions);
            Try(StepKind.Verdict, i, state, transitions);
            Try(StepKind.Work, i, state, transitions);
            Try(StepKind.TakeEvent, i, state, transitions);
            Try(StepKind.TakeNotice, i, state, transitions);
            Try(StepKind.Check, i, state, transitions);
        }

        Try(StepKind.Poll, 0, state, transitions);
        Try(StepKind.Continue, 0, state, transitions);
        Try(StepKind.GoOn, 0, state, transitions);
        Try(StepKind.TakeOtherWay, 0, state, transitions);
        if (bounds.Mutant == Mutant.LiveEntryDeleted)
        {
            Try(StepKind.Delete, 0, state, transitions);
        }
    }

    public string Describe(byte action, in RelayState before, in RelayState after) => RelayWords.Describe((StepKind)(action >> 1), action & 1, before, after);

    public int WindowOf(in DirectionState direction) => direction.Has(DirectionFacts.HasWindow) ? bounds.Window : 0;

    /// <summary>What the verdict takes for acknowledged: the truth, or what it was told.</summary>
    public int AcknowledgedOf(in RelayState state, int direction) => bounds.Form == SockmapForm.Exact
        ? state.Endpoints[1 - direction].Got - state.Directions[direction].SentBefore
        : state.Directions[direction].Acknowledged;

    private void Try(StepKind kind, byte index, in RelayState state, List<Transition<RelayState>> transitions)
    {
        var next = state;
        string? broken = null;
        try
        {
            if (!Step(kind, index, ref next))
            {
                return;
            }
        }
        catch (InvariantBrokenException exception)
        {
            broken = exception.Message;
        }

        transitions.Add(new Transition<RelayState>((byte)(((int)kind << 1) | index), next, kind >= StepKind.Read, broken));
    }

    /// <summary>Makes a step; false if the state does not allow it.</summary>
    private bool Step(StepKind kind, byte index, ref RelayState state) => kind switch
    {
        StepKind.Send => Send(ref state, index, 1),
        StepKind.SendTwo => !state.Directions[index].Has(DirectionFacts.Armed) && Send(ref state, index, 2),
        StepKind.SendOverlapping => SendOverlapping(ref state, index),
        StepKind.Finish => FinishSending(ref state, index),
        StepKind.SendAndFinish => state.Directions[index].Has(DirectionFacts.Armed) && Send(ref state, index, 1, isLast: true),
        StepKind.Reset => ResetByPeer(ref state, index),
        StepKind.Read => ReadByPeer(ref state, index),
        StepKind.ReadEnd => ReadEndByPeer(ref state, index),
        StepKind.Verdict => RunVerdict(ref state, index),
        StepKind.Work => Work(ref state, index),
        StepKind.TakeEvent => TakeEvent(ref state, index),
        StepKind.TakeNotice => TakeNotice(ref state, index),
        StepKind.Check => Check(ref state, index),
        StepKind.Poll => Poll(ref state),
        StepKind.Continue => Continue(ref state),
        StepKind.GoOn => GoOn(ref state),
        StepKind.TakeOtherWay => TakeOtherWay(ref state),
        StepKind.Delete => DeleteLiveEntry(ref state),
        _ => false,
    };
}
