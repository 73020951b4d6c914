using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Rules;
using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Model;

/// <content>What wakes the event loop's thread while it is idle, and what a session decides: RelaySession, RelayEndpoint.</content>
internal sealed partial class RelayModel
{
    private bool TakeEvent(ref RelayState state, byte at)
    {
        ref var endpoint = ref state.Endpoints[at];
        if (state.Point != RelayPoint.Idle || !endpoint.Has(SocketFacts.Ready))
        {
            return false;
        }

        endpoint.Set(SocketFacts.Ready, false);
        var isReadable = IsReadable(endpoint) && endpoint.Has(SocketFacts.WantsIn);
        var isWritable = IsWritable(ref endpoint) && endpoint.Has(SocketFacts.WantsOut);
        var isEnd = endpoint.Has(SocketFacts.Fin | SocketFacts.Reset);
        var isError = endpoint.Has(SocketFacts.Error);
        var isHangUp = endpoint.Has(SocketFacts.Reset) || (endpoint.Has(SocketFacts.Fin) && endpoint.Has(SocketFacts.Shut));
        if (!isReadable && !isWritable && !isEnd)
        {
            return true;
        }

        endpoint.Learn(Known.Readable, endpoint.Knows(Known.Readable) || isReadable || isEnd);
        endpoint.Learn(Known.Writable, endpoint.Knows(Known.Writable) || isWritable || isHangUp);
        endpoint.Learn(Known.EndSeen, endpoint.Knows(Known.EndSeen) || isEnd);
        endpoint.Learn(Known.Failed, endpoint.Knows(Known.Failed) || isError);
        endpoint.Learn(Known.HungUp, endpoint.Knows(Known.HungUp) || isHangUp);
        if (state.Session == RelaySession.State.Relaying && (isError || isHangUp))
        {
            state.Point = RelayPoint.TakeError;
            state.At = at;
        }
        else
        {
            if (state.Session == RelaySession.State.Resetting && endpoint.Knows(Known.Failed) && bounds.Mutant != Mutant.SecondFailureIgnored)
            {
                _ = Fail(ref state, at);
            }

            Advance(ref state);
        }

        return true;
    }

    private void TakeError(ref RelayState state)
    {
        ref var endpoint = ref state.Endpoints[state.At];
        if (endpoint.Has(SocketFacts.Error))
        {
            endpoint.Set(SocketFacts.Error, false);
            _ = Fail(ref state, state.At);
        }

        Advance(ref state);
    }

    private bool TakeNotice(ref RelayState state, byte at)
    {
        ref var direction = ref state.Directions[at];
        if (state.Point != RelayPoint.Idle || !direction.Has(DirectionFacts.Told))
        {
            return false;
        }

        direction.Set(DirectionFacts.Told, false);
        Refresh(ref state, at);
        state.Endpoints[at].Learn(Known.Readable, state.Endpoints[at].Knows(Known.Readable) || direction.IsPassing);
        Advance(ref state);
        return true;
    }

    private bool Check(ref RelayState state, byte at)
    {
        ref var direction = ref state.Directions[at];
        if (state.Point != RelayPoint.Idle || !direction.Has(DirectionFacts.CheckPending))
        {
            return false;
        }

        direction.Set(DirectionFacts.CheckPending, false);
        state.Endpoints[at].Learn(Known.Readable);
        state.Endpoints[1 - at].Learn(Known.Writable);
        Advance(ref state);
        return true;
    }

    private static bool Poll(ref RelayState state)
    {
        if (state.Point != RelayPoint.Idle || !state.IsPollPending)
        {
            return false;
        }

        state.IsPollPending = false;
        state.Point = RelayPoint.LookAtDelivery;
        return true;
    }

    private bool Continue(ref RelayState state)
    {
        if (state.Point != RelayPoint.Idle || !state.IsContinuing)
        {
            return false;
        }

        state.IsContinuing = false;
        Advance(ref state);
        return true;
    }

    private static bool IsReadable(in EndpointState endpoint) => !endpoint.Received.IsEmpty || !endpoint.Passed.IsEmpty;

    private bool IsWritable(ref EndpointState endpoint)
    {
        if (endpoint.Unacknowledged.Count < bounds.SendBuffer)
        {
            return true;
        }

        // tcp_poll asks for the event that it could not give.
        endpoint.Set(SocketFacts.NoSpace);
        return false;
    }

    /// <summary>SockmapDirection.Refresh.</summary>
    private void Refresh(ref RelayState state, int at)
    {
        ref var direction = ref state.Directions[at];
        direction.Set(DirectionFacts.HasWindow);
        if (bounds.Form == SockmapForm.Credit)
        {
            var acknowledged = state.Endpoints[1 - at].Got - direction.SentBefore;
            var moved = direction.Redirected + direction.Consumed;
            direction.Acknowledged = (sbyte)acknowledged;
            direction.NotifyAt = (byte)Math.Max(SockmapRules.NotifyAt(acknowledged, moved, bounds.Window), 0);
        }
    }

    private void Advance(ref RelayState state)
    {
        state.At = 0;
        Pump(ref state);
    }

    /// <summary>RelaySession.Fail; true if the session is to look at both directions again.</summary>
    private static bool Fail(ref RelayState state, int endpoint)
    {
        switch (SessionRules.OnFailure(state.Session, endpoint != state.Failed))
        {
            case FailureStep.BeginReset:
                state.Session = RelaySession.State.Resetting;
                state.Failed = (byte)endpoint;
                Abandon(ref state.Directions[1 - endpoint]);
                state.Directions[endpoint].Set(DirectionFacts.SourceFailed);
                return true;
            case FailureStep.AbandonRest:
                Abandon(ref state.Directions[state.Failed]);
                return false;
            default:
                return false;
        }
    }

    private static void Abandon(ref DirectionState direction)
    {
        if (!direction.IsOver)
        {
            direction.Flow = RelayFlow.SinkFailed;
        }

        direction.Held.Clear();
        direction.Pipe.Clear();
    }

    /// <summary>Both directions have moved what they could: RelaySession.Advance.</summary>
    private void AfterPumps(ref RelayState state)
    {
        ref var toUpstream = ref state.Directions[0];
        ref var toClient = ref state.Directions[1];
        if ((toUpstream.Facts | toClient.Facts).HasFlag(DirectionFacts.Damaged))
        {
            throw new InvariantBrokenException("the relay takes a sound stream for damaged");
        }

        var isFromFailedOver = state.Failed != RelayState.Nobody && state.Directions[state.Failed].IsOver;
        switch (SessionRules.Next(state.Session, toUpstream.IsOver, toClient.IsOver, isFromFailedOver))
        {
            case SessionStep.Finish:
                state.EndsByReset = false;
                state.Point = RelayPoint.Close;
                return;
            case SessionStep.PassResetOn:
                state.Point = RelayPoint.LookAtDelivery;
                return;
        }

        if (state.AwaitsArming && state.Session == RelaySession.State.Relaying)
        {
            var isAnyEndSeen = state.Endpoints[0].Knows(Known.EndSeen) || state.Endpoints[1].Knows(Known.EndSeen);
            switch (SessionRules.Arming(isAnyEndSeen, CanArm(state, 0) && CanArm(state, 1)))
            {
                case ArmingStep.Arm:
                    state.Point = RelayPoint.ChooseArming;
                    return;
                case ArmingStep.GiveUp:
                    FallBack(ref state);
                    break;
            }
        }

        GoIdle(ref state);
    }

    private bool CanArm(in RelayState state, int at)
    {
        var direction = state.Directions[at];
        return DirectionRules.CanArm(
            direction.Path,
            !direction.Held.IsEmpty && bounds.Mutant != Mutant.ArmedWhileHolding,
            state.Endpoints[at].Knows(Known.Readable) && bounds.Mutant != Mutant.ArmedOverHalfReadSegment,
            state.Endpoints[1 - at].Knows(Known.Writable) || bounds.Mutant == Mutant.ArmedWhileHolding,
            direction.Has(DirectionFacts.SourceEnded),
            direction.IsOver);
    }

    private void FallBack(ref RelayState state)
    {
        state.AwaitsArming = false;
        state.MaySplice = bounds.MaySplice;
    }

    private static void GoIdle(ref RelayState state)
    {
        state.At = 0;
        var isInKernel = state.Directions[0].Path == PathKind.Sockmap || state.Directions[1].Path == PathKind.Sockmap;
        state.Point = isInKernel ? RelayPoint.LimitInterest : RelayPoint.Idle;
    }

    private void LimitInterest(ref RelayState state)
    {
        for (var i = 0; i < 2; i++)
        {
            ref var endpoint = ref state.Endpoints[i];
            var direction = state.Directions[i];
            var wantsIn = !direction.IsOver && (direction.Path != PathKind.Sockmap || direction.Has(DirectionFacts.AwaitsPassed));
            var wantsOut = !endpoint.Knows(Known.Writable);
            if (wantsIn == endpoint.Has(SocketFacts.WantsIn) && wantsOut == endpoint.Has(SocketFacts.WantsOut))
            {
                continue;
            }

            endpoint.Set(SocketFacts.WantsIn, wantsIn);
            endpoint.Set(SocketFacts.WantsOut, wantsOut);
            // EPOLL_CTL_MOD looks at the socket again.
            var isReady = (wantsIn && IsReadable(endpoint)) || (wantsOut && IsWritable(ref endpoint)) || endpoint.Has(SocketFacts.Fin | SocketFacts.Reset);
            endpoint.Set(SocketFacts.Ready, isReady || endpoint.Has(SocketFacts.Ready));
        }

        state.Point = RelayPoint.Idle;
    }

    private void LookAtDelivery(ref RelayState state)
    {
        var other = state.Endpoints[1 - state.Failed];
        var hasFailed = other.Knows(bounds.Mutant == Mutant.HangUpTakenForFailure ? Known.Failed | Known.HungUp : Known.Failed);
        var unacknowledged = bounds.Mutant == Mutant.ResetBeforeDelivered ? 0 : other.Unacknowledged.Count;
        if (SessionRules.IsDelivered(state.Directions[state.Failed].IsOver, hasFailed, unacknowledged))
        {
            state.EndsByReset = true;
            state.Point = RelayPoint.Close;
        }
        else
        {
            state.IsPollPending = true;
            state.At = 0;
            state.Point = RelayPoint.Idle;
        }
    }

    /// <summary>RelaySession.End.</summary>
    private static void Close(ref RelayState state)
    {
        foreach (var i in s_both)
        {
            ref var endpoint = ref state.Endpoints[i];
            ref var direction = ref state.Directions[i];
            if (direction.Has(DirectionFacts.Running))
            {
                // A segment is in the verdict: nobody will read it.
                direction.Set(DirectionFacts.Running, false);
                direction.Stage = VerdictStage.None;
                direction.Segment = 0;
            }

            var hasUnread = IsReadable(endpoint);
            endpoint.Set(SocketFacts.Closed);
            endpoint.Set(SocketFacts.Ready | SocketFacts.WantsIn | SocketFacts.WantsOut | SocketFacts.NoSpace, false);
            endpoint.Waiting.Clear();
            endpoint.Received.Clear();
            endpoint.Passed.Clear();
            if (endpoint.Has(SocketFacts.Reset))
            {
                continue;
            }

            if (state.EndsByReset || hasUnread)
            {
                endpoint.Unacknowledged.Clear();
                endpoint.Set(SocketFacts.GotReset);
            }
            else
            {
                endpoint.Set(SocketFacts.Shut);
            }
        }

        foreach (var i in s_both)
        {
            Abandon(ref state.Directions[i]);
            state.Directions[i].Set(DirectionFacts.CheckPending | DirectionFacts.Told, false);
        }

        state.IsPollPending = state.IsContinuing = false;
        state.At = 0;
        state.Session = RelaySession.State.Ended;
        state.Point = RelayPoint.Idle;
    }
}
