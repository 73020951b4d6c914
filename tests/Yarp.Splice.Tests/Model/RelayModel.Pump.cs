using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Rules;

namespace Yarp.Splice.Tests.Model;

/// <content>One direction being pumped, from one point to the next: RelayDirection, CopyPath, SplicePath, SockmapPath.</content>
internal sealed partial class RelayModel
{
    private bool GoOn(ref RelayState state)
    {
        var at = state.At;
        ref var direction = ref state.Directions[at];
        ref var source = ref state.Endpoints[at];
        ref var sink = ref state.Endpoints[1 - at];
        switch (state.Point)
        {
            case RelayPoint.TakeError:
                TakeError(ref state);
                break;
            case RelayPoint.Send:
                SendHeld(ref state, ref direction, ref sink);
                break;
            case RelayPoint.PublishConsumed:
                direction.Consumed += direction.Unconsumed;
                direction.Unconsumed = 0;
                state.Point = RelayPoint.LookAfterConsumed;
                break;
            case RelayPoint.LookAfterConsumed:
                if (!direction.IsPassing)
                {
                    direction.Set(DirectionFacts.QueueEmpty, false);
                    Refresh(ref state, at);
                }

                Decide(ref state, isFlushed: true);
                break;
            case RelayPoint.ChoosePath:
                BeginTransfer(ref state);
                break;
            case RelayPoint.LookAtPassed:
                LookAtPassed(ref state, ref direction, ref source);
                break;
            case RelayPoint.LookAtQueue:
                LookAtQueue(ref state, ref direction, ref source, ref sink);
                break;
            case RelayPoint.LookBeforeEnd or RelayPoint.LookAfterEnd when direction.Has(DirectionFacts.Running):
            case RelayPoint.Receive when direction.Has(DirectionFacts.Running):
                // The verdict has the source's lock.
                return false;
            case RelayPoint.LookBeforeEnd or RelayPoint.LookAfterEnd:
                LookAtEnd(ref state, ref direction, ref source);
                break;
            case RelayPoint.Receive:
                Receive(ref state, ref direction, ref source);
                break;
            case RelayPoint.LookAfterAgain:
                direction.Set(DirectionFacts.AwaitsPassed, direction.IsPassing);
                Pump(ref state);
                break;
            case RelayPoint.LookBeforeFinish:
                if (IsQueueEmpty(direction, sink) || bounds.Mutant == Mutant.FinBeforeQueueEmpty)
                {
                    Finish(ref state, ref direction);
                }
                else
                {
                    direction.Set(DirectionFacts.CheckPending);
                    EndPump(ref state);
                }

                break;
            case RelayPoint.Shutdown:
                sink.Set(SocketFacts.Shut, !sink.Has(SocketFacts.Reset));
                sink.Set(SocketFacts.Ready, sink.Has(SocketFacts.Ready | SocketFacts.Fin));
                EndPump(ref state);
                break;
            case RelayPoint.LookAtDelivery:
                LookAtDelivery(ref state);
                break;
            case RelayPoint.Close:
                Close(ref state);
                break;
            case RelayPoint.ChooseArming:
                GoIdle(ref state);
                break;
            case RelayPoint.ArmPeers or RelayPoint.ArmSource or RelayPoint.OpenWindow or RelayPoint.Kick:
                Arm(ref state);
                break;
            case RelayPoint.LimitInterest:
                LimitInterest(ref state);
                break;
            default:
                return false;
        }

        return true;
    }

    /// <summary>The other answer to a choice that the product makes by counting: to splice or copy from now on, or to arm.</summary>
    private static bool TakeOtherWay(ref RelayState state)
    {
        switch (state.Point)
        {
            case RelayPoint.ChoosePath:
                ref var direction = ref state.Directions[state.At];
                direction.Path = direction.Path == PathKind.Copy ? PathKind.Splice : PathKind.Copy;
                BeginTransfer(ref state);
                return true;
            case RelayPoint.ChooseArming:
                state.At = 0;
                state.Point = RelayPoint.ArmPeers;
                return true;
            default:
                return false;
        }
    }

    /// <summary>The top of RelayDirection.Pump's loop.</summary>
    private void Pump(ref RelayState state)
    {
        ref var direction = ref state.Directions[state.At];
        if (direction.IsOver)
        {
            GoToNextDirection(ref state);
            return;
        }

        if (bounds.Mutant == Mutant.LeavesFullPipe && !direction.Pipe.IsEmpty)
        {
            direction.Path = PathKind.Copy;
        }

        var isWritable = state.Endpoints[1 - state.At].Knows(Known.Writable);
        var isHolding = !direction.Held.IsEmpty || (direction.Path == PathKind.Splice && !direction.Pipe.IsEmpty);
        if (isWritable && isHolding)
        {
            state.Point = RelayPoint.Send;
        }
        else if (isWritable && direction.Unconsumed > 0)
        {
            state.Point = RelayPoint.PublishConsumed;
        }
        else
        {
            Decide(ref state, isWritable);
        }
    }

    private void Decide(ref RelayState state, bool isFlushed)
    {
        ref var direction = ref state.Directions[state.At];
        var isReadable = state.Endpoints[state.At].Knows(Known.Readable);
        var isEnded = direction.Has(DirectionFacts.SourceEnded) ||
            (bounds.Mutant == Mutant.FinBeforeTheLastRead && state.Endpoints[state.At].Knows(Known.EndSeen));
        isFlushed |= bounds.Mutant == Mutant.ReadsWhileHolding && isReadable;
        switch (DirectionRules.Next(isFlushed, isEnded, isReadable))
        {
            case DirectionStep.Finish when direction.Path == PathKind.Sockmap:
                state.Point = RelayPoint.LookBeforeFinish;
                break;
            case DirectionStep.Finish:
                Finish(ref state, ref direction);
                break;
            case DirectionStep.Transfer when direction.Has(DirectionFacts.HadTurn):
                state.IsContinuing = true;
                EndPump(ref state);
                break;
            case DirectionStep.Transfer when state.MaySplice && DirectionRules.MayLeave(direction.Path, direction.Pipe.IsEmpty):
                state.Point = RelayPoint.ChoosePath;
                break;
            case DirectionStep.Transfer:
                BeginTransfer(ref state);
                break;
            default:
                EndPump(ref state);
                break;
        }
    }

    private static void BeginTransfer(ref RelayState state)
    {
        ref var direction = ref state.Directions[state.At];
        direction.Set(DirectionFacts.AwaitsPassed, false);
        state.Point = direction.Path == PathKind.Sockmap ? RelayPoint.LookAtPassed : RelayPoint.Receive;
    }

    private void SendHeld(ref RelayState state, ref DirectionState direction, ref EndpointState sink)
    {
        if (sink.Has(SocketFacts.Reset))
        {
            direction.Set(DirectionFacts.SinkFailed);
            sink.Learn(Known.Writable, false);
        }
        else if (!IsWritable(ref sink))
        {
            sink.Learn(Known.Writable, false);
        }
        else
        {
            ref var queue = ref direction.Held;
            if (queue.IsEmpty)
            {
                queue = ref direction.Pipe;
            }

            while (!queue.IsEmpty && sink.Unacknowledged.Count < bounds.SendBuffer)
            {
                sink.Unacknowledged.Add(queue.Take());
            }
        }

        Pump(ref state);
    }

    private void LookAtPassed(ref RelayState state, ref DirectionState direction, ref EndpointState source)
    {
        switch (WhatToDo(direction, source))
        {
            case SockmapStep.CheckQueue:
                state.Point = RelayPoint.LookAtQueue;
                break;
            case SockmapStep.CheckEnd:
                state.Point = RelayPoint.LookBeforeEnd;
                break;
            case SockmapStep.Receive:
                state.Point = RelayPoint.Receive;
                break;
            default:
                source.Learn(Known.Readable, false);
                Pump(ref state);
                break;
        }
    }

    private SockmapStep WhatToDo(in DirectionState direction, in EndpointState source) => bounds.Mutant switch
    {
        Mutant.PassedOvertakesRedirected when direction.IsPassing => SockmapStep.Receive,
        Mutant.QueueFoundEmptyOnceAndForAll when direction.IsPassing =>
            direction.Has(DirectionFacts.QueueEmpty) ? SockmapStep.Receive : SockmapStep.CheckQueue,
        Mutant.ReceivesWhileRedirecting when !direction.IsPassing => SockmapStep.Receive,
        _ => SockmapRules.Next(direction.IsPassing, source.Knows(Known.EndSeen), direction.Redirected, direction.EmptyAt),
    };

    private static bool IsQueueEmpty(in DirectionState direction, in EndpointState sink) => SockmapRules.IsQueueEmpty(
        sink.Got, (ulong)sink.Unacknowledged.Count, direction.SentBefore, direction.Redirected, direction.Consumed);

    private void LookAtQueue(ref RelayState state, ref DirectionState direction, ref EndpointState source, ref EndpointState sink)
    {
        if (IsQueueEmpty(direction, sink))
        {
            direction.Set(DirectionFacts.QueueEmpty, bounds.Mutant == Mutant.QueueFoundEmptyOnceAndForAll);
            direction.EmptyAt = direction.Redirected;
            state.Point = RelayPoint.Receive;
            return;
        }

        source.Learn(Known.Readable, false);
        direction.Set(DirectionFacts.CheckPending);
        Pump(ref state);
    }

    private void Receive(ref RelayState state, ref DirectionState direction, ref EndpointState source)
    {
        var isArmed = direction.Has(DirectionFacts.Armed);
        ref var queue = ref source.Received;
        if (isArmed)
        {
            queue = ref source.Passed;
        }

        if (!queue.IsEmpty)
        {
            TakeBytes(ref direction, ref source, ref queue, isArmed);
            Pump(ref state);
            return;
        }

        if (isArmed && !source.Received.IsEmpty)
        {
            // tcp_bpf_recvmsg calls data_ready when it finds something in TCP's own queue.
            direction.Set(DirectionFacts.Running);
        }
        else if (source.Has(SocketFacts.Fin | SocketFacts.Reset))
        {
            var isError = source.Has(SocketFacts.Error);
            source.Set(SocketFacts.Error, false);
            direction.Set(DirectionFacts.EndError, isError || direction.Has(DirectionFacts.EndError));
            if (direction.Path == PathKind.Sockmap && bounds.Mutant != Mutant.EndTakenAtItsWord)
            {
                state.Point = RelayPoint.LookAfterEnd;
            }
            else
            {
                EndSource(ref direction, ref source);
                Pump(ref state);
            }

            return;
        }

        source.Learn(Known.Readable, false);
        if (direction.Path == PathKind.Sockmap)
        {
            state.Point = RelayPoint.LookAfterAgain;
        }
        else
        {
            Pump(ref state);
        }
    }

    private void TakeBytes(ref DirectionState direction, ref EndpointState source, ref ByteQueue queue, bool isArmed)
    {
        direction.Set(DirectionFacts.HadTurn);
        var received = 0;
        for (; received < bounds.Transfer && !queue.IsEmpty; received++)
        {
            var position = queue.Take() & ~ByteQueue.Mark;
            if (direction.Path == PathKind.Splice)
            {
                direction.Pipe.Add(position);
            }
            else
            {
                direction.Held.Add(position);
            }
        }

        if (isArmed && bounds.Mutant == Mutant.ConsumedBeforeSent)
        {
            direction.Consumed += (byte)received;
        }
        else if (isArmed)
        {
            direction.Unconsumed += (byte)received;
        }

        var isEndSeen = source.Knows(Known.EndSeen) && bounds.Mutant != Mutant.ShortReadForgetsTheEnd;
        if (direction.Path == PathKind.Copy && DirectionRules.IsEmptied(received, bounds.Transfer, isEndSeen, isUrgentSeen: false))
        {
            source.Learn(Known.Readable, false);
        }
    }

    private void LookAtEnd(ref RelayState state, ref DirectionState direction, ref EndpointState source)
    {
        var seen = (ulong)(direction.Redirected + direction.Passed);
        var received = (ulong)(source.Sent - direction.ReceivedBefore + (source.Has(SocketFacts.Fin) ? 1 : 0));
        direction.Set(DirectionFacts.Damaged, direction.Has(DirectionFacts.Damaged) || SockmapRules.IsSurplus(seen, received, source.Has(SocketFacts.Fin)));
        var isAccountedFor = SockmapRules.IsAccountedFor(seen, received);
        var isPassing = direction.IsPassing && bounds.Mutant != Mutant.PassedTakenForReadable;
        if (!SockmapRules.IsEnd(isAccountedFor, isPassing))
        {
            direction.Set(DirectionFacts.Running, !isAccountedFor && !source.Received.IsEmpty);
            source.Learn(Known.Readable, false);
            direction.Set(DirectionFacts.CheckPending);
            Pump(ref state);
        }
        else if (state.Point == RelayPoint.LookBeforeEnd)
        {
            state.Point = RelayPoint.Receive;
        }
        else
        {
            EndSource(ref direction, ref source);
            Pump(ref state);
        }
    }

    private static void EndSource(ref DirectionState direction, ref EndpointState source)
    {
        source.Learn(Known.Readable, false);
        direction.Set(DirectionFacts.SourceEnded);
        direction.Set(DirectionFacts.SourceFailed, direction.Has(DirectionFacts.SourceFailed | DirectionFacts.EndError));
    }

    private void Finish(ref RelayState state, ref DirectionState direction)
    {
        direction.Flow = DirectionRules.EndOf(direction.Has(DirectionFacts.SourceFailed));
        if (direction.Flow == RelayFlow.Finished)
        {
            state.Point = RelayPoint.Shutdown;
        }
        else
        {
            EndPump(ref state);
        }
    }

    /// <summary>RelaySession.Advance(RelayDirection).</summary>
    private void EndPump(ref RelayState state)
    {
        ref var direction = ref state.Directions[state.At];
        direction.Set(DirectionFacts.HadTurn, false);
        if (!direction.IsOver && direction.Has(DirectionFacts.SinkFailed))
        {
            direction.Flow = RelayFlow.SinkFailed;
        }

        var isToBeginAgain = direction.Flow switch
        {
            RelayFlow.SourceFailed => Fail(ref state, state.At),
            RelayFlow.SinkFailed => Fail(ref state, 1 - state.At),
            _ => false,
        };
        if (isToBeginAgain)
        {
            Advance(ref state);
        }
        else
        {
            GoToNextDirection(ref state);
        }
    }

    private void GoToNextDirection(ref RelayState state)
    {
        if (state.At == 0)
        {
            state.At = 1;
            Pump(ref state);
        }
        else
        {
            state.At = 0;
            AfterPumps(ref state);
        }
    }
}
