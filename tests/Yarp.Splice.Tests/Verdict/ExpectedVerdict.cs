using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Tests.Model;

namespace Yarp.Splice.Tests.Verdict;

/// <summary>What the verdict shall do: the rules that the model is made of, and around them what the model leaves out.</summary>
internal static class ExpectedVerdict
{
    public const int TrimStep = 4080, MostTrimSteps = 16;

    /// <param name="verdictCase">The segment and the state.</param>
    /// <param name="consumedAtCount">What user space has consumed by the time that the segment, if it is passed, has been counted.</param>
    public static VerdictOutcome Of(VerdictCase verdictCase, long consumedAtCount)
    {
        var slot = verdictCase.Slot;
        if (verdictCase.Length == 0)
        {
            return new VerdictOutcome(false, false, slot);
        }

        if (!verdictCase.HasSlot || !verdictCase.HasDirection)
        {
            return new VerdictOutcome(true, false, slot);
        }

        if (verdictCase.Failure != SockmapFailure.None)
        {
            return new VerdictOutcome(false, false, slot);
        }

        if (!verdictCase.IsStarted)
        {
            slot.IsStarted = 1;
            slot.NextSequence = verdictCase.Sequence;
        }

        var overlap = (int)(slot.NextSequence - verdictCase.Sequence);
        if (overlap < 0)
        {
            return Fail(verdictCase, slot, SockmapFailure.Gap, 0);
        }

        var (trimmed, isTrimmed) = Trim(verdictCase, Math.Min(overlap, verdictCase.Length));
        slot.Overlaps += overlap > 0 ? 1u : 0;
        if (!isTrimmed)
        {
            return Fail(verdictCase, slot, SockmapFailure.TrimFailed, trimmed);
        }

        if (trimmed == verdictCase.Length)
        {
            return new VerdictOutcome(false, false, slot, trimmed);
        }

        slot.NextSequence = verdictCase.End;
        return Relay(verdictCase, slot, verdictCase.Length - trimmed, consumedAtCount) with { Trimmed = trimmed };
    }

    private static VerdictOutcome Relay(VerdictCase verdictCase, VerdictSlot slot, int length, long consumedAtCount)
    {
        var isKnown = verdictCase.Form == SockmapForm.Credit || (verdictCase.HasPeer && verdictCase.HasTcp);
        if (verdictCase.Form == SockmapForm.Exact && isKnown)
        {
            (slot.HasPeerBase, slot.PeerBase) = (1, verdictCase.PeerBase);
        }

        var segments = verdictCase.Segments;
        if (isKnown && verdictCase.Passed == verdictCase.Consumed && VerdictRules.CountsAnew(verdictCase.Acknowledged, verdictCase.Epoch))
        {
            slot.Epoch = (uint)(verdictCase.Redirected + verdictCase.Consumed);
            slot.Segments = 0;
            segments = 0;
        }

        var hasRoom = isKnown && VerdictRules.HasRoom(
            verdictCase.Redirected, verdictCase.Passed, verdictCase.Consumed, length, verdictCase.Acknowledged, verdictCase.Window, segments);
        if (!hasRoom || !verdictCase.HasPeer || !verdictCase.IsRedirectTaken)
        {
            return Pass(verdictCase, slot, length, consumedAtCount);
        }

        slot.Segments++;
        slot.Redirected += (ulong)length;
        var redirected = verdictCase.Redirected + length;
        if (verdictCase.Form == SockmapForm.Credit &&
            VerdictRules.RunsShort(redirected, verdictCase.Consumed, verdictCase.Notified, verdictCase.NotifyAt, segments + 1))
        {
            slot.Notified = (ulong)verdictCase.NotifyAt;
            return Tell(verdictCase, new VerdictOutcome(true, true, slot));
        }

        return new VerdictOutcome(true, true, slot);
    }

    private static VerdictOutcome Pass(VerdictCase verdictCase, VerdictSlot slot, int length, long consumed)
    {
        slot.Passed += (ulong)length;
        (slot.RecentCost, slot.RecentBytes) = VerdictRules.CountCost(verdictCase.RecentCost, verdictCase.RecentBytes, (uint)length);
        if (VerdictRules.IsOverfull(verdictCase.Passed + length, consumed, verdictCase.MostHeld))
        {
            return Fail(verdictCase, slot, SockmapFailure.Overfull, 0);
        }

        var outcome = new VerdictOutcome(true, false, slot);
        return VerdictRules.TellsOfPassed(verdictCase.Passed, consumed) ? Tell(verdictCase, outcome) : outcome;
    }

    private static VerdictOutcome Fail(VerdictCase verdictCase, VerdictSlot slot, SockmapFailure failure, int trimmed)
    {
        slot.Failure = (uint)failure;
        return Tell(verdictCase, new VerdictOutcome(false, false, slot, trimmed));
    }

    private static VerdictOutcome Tell(VerdictCase verdictCase, VerdictOutcome outcome) => verdictCase.Ring switch
    {
        RingState.HasRoom => outcome with { Notices = 1 },
        RingState.FullOnce => outcome with { Notices = 1, Overruns = verdictCase.HasOverruns ? 1 : 0 },
        RingState.Full => outcome with { Overruns = verdictCase.HasOverruns ? 1 : 0 },
        _ => outcome,
    };

    /// <summary>How many bytes come off the segment's front, and whether those are all that shall.</summary>
    private static (int Trimmed, bool IsTrimmed) Trim(VerdictCase verdictCase, int excess)
    {
        if (excess == 0)
        {
            return (0, true);
        }

        // Two calls a step.
        var steps = Math.Min((excess - 1) / TrimStep, MostTrimSteps);
        var lastStep = excess - (steps * TrimStep);
        var stepsMade = Math.Min(verdictCase.FailingTrimCall / 2, steps);
        return stepsMade < steps || lastStep > TrimStep || verdictCase.FailingTrimCall / 2 == steps
            ? (stepsMade * TrimStep, false)
            : (excess, true);
    }
}
