using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Model;

/// <content>What the peers do, and what the kernel does about it: TCP, the verdict, and the worker that sends what was redirected.</content>
internal sealed partial class RelayModel
{
    private bool Send(ref RelayState state, byte at, int count, bool isLast = false)
    {
        ref var endpoint = ref state.Endpoints[at];
        ref var direction = ref state.Directions[at];
        if (endpoint.Has(SocketFacts.Fin | SocketFacts.Reset | SocketFacts.Closed) || direction.Has(DirectionFacts.Running) ||
            VerdictRules.IsRefused(direction.Passed, direction.Consumed, bounds.MostHeld, recentCost: 0, recentBytes: 0) ||
            endpoint.Sent + count > MostSent(at) || endpoint.Received.Count + endpoint.Passed.Count + count > bounds.ReceiveBuffer)
        {
            return false;
        }

        for (var i = 0; i < count; i++)
        {
            endpoint.Received.Add(++endpoint.Sent | (i > 0 ? ByteQueue.Mark : 0));
        }

        if (isLast)
        {
            // tcp_fin comes before data_ready: the event is out before the verdict has seen the bytes.
            endpoint.Set(SocketFacts.Fin | SocketFacts.Ready);
        }

        OnData(ref state, at);
        return true;
    }

    /// <summary>A retransmission that begins with a byte which has come before.</summary>
    private bool SendOverlapping(ref RelayState state, byte at)
    {
        ref var endpoint = ref state.Endpoints[at];
        var last = endpoint.Sent;
        if (state.Directions[at].NextSequence != last + 1 || !endpoint.Received.IsEmpty || !Send(ref state, at, 1))
        {
            return false;
        }

        endpoint.Received.PutBack(last);
        return true;
    }

    private static bool FinishSending(ref RelayState state, byte at)
    {
        ref var endpoint = ref state.Endpoints[at];
        if (endpoint.Has(SocketFacts.Fin | SocketFacts.Reset | SocketFacts.Closed) || state.Directions[at].Has(DirectionFacts.Running))
        {
            return false;
        }

        endpoint.Set(SocketFacts.Fin | SocketFacts.Ready);
        OnData(ref state, at);
        return true;
    }

    private bool ResetByPeer(ref RelayState state, byte at)
    {
        ref var endpoint = ref state.Endpoints[at];
        if (!bounds.MayReset || endpoint.Has(SocketFacts.Reset | SocketFacts.Closed) || state.Directions[at].Has(DirectionFacts.Running))
        {
            return false;
        }

        endpoint.Set(SocketFacts.Reset | SocketFacts.Error | SocketFacts.Ready);
        endpoint.Unacknowledged.Clear();
        return true;
    }

    private static void OnData(ref RelayState state, byte at)
    {
        ref var direction = ref state.Directions[at];
        if (direction.Has(DirectionFacts.Armed))
        {
            direction.Set(DirectionFacts.Running, !state.Endpoints[at].Received.IsEmpty);
        }
        else
        {
            WakeReader(ref state.Endpoints[at]);
        }
    }

    private static void WakeReader(ref EndpointState endpoint) => endpoint.Set(SocketFacts.Ready, endpoint.Has(SocketFacts.Ready | SocketFacts.WantsIn));

    private static bool ReadByPeer(ref RelayState state, byte at)
    {
        ref var endpoint = ref state.Endpoints[at];
        if (endpoint.Unacknowledged.IsEmpty || endpoint.Has(SocketFacts.Reset))
        {
            return false;
        }

        var position = endpoint.Unacknowledged.Take();
        if (position != endpoint.Got + 1)
        {
            throw new InvariantBrokenException($"byte {position} arrives where byte {endpoint.Got + 1} is due");
        }

        endpoint.Got++;
        if (endpoint.Has(SocketFacts.NoSpace))
        {
            endpoint.Set(SocketFacts.NoSpace, false);
            endpoint.Set(SocketFacts.Ready, endpoint.Has(SocketFacts.Ready | SocketFacts.WantsOut));
        }

        return true;
    }

    private static bool ReadEndByPeer(ref RelayState state, byte at)
    {
        ref var endpoint = ref state.Endpoints[at];
        ref var source = ref state.Endpoints[1 - at];
        if (!endpoint.Has(SocketFacts.Shut) || endpoint.Has(SocketFacts.GotFin | SocketFacts.GotReset | SocketFacts.Reset) || !endpoint.Unacknowledged.IsEmpty)
        {
            return false;
        }

        if (!source.Has(SocketFacts.Fin))
        {
            throw new InvariantBrokenException("FIN arrives, but the other side has not finished sending");
        }

        if (endpoint.Got != source.Sent)
        {
            throw new InvariantBrokenException($"FIN arrives after byte {endpoint.Got} of {source.Sent}");
        }

        endpoint.Set(SocketFacts.GotFin);
        return true;
    }

    private bool RunVerdict(ref RelayState state, byte at)
    {
        ref var endpoint = ref state.Endpoints[at];
        ref var direction = ref state.Directions[at];
        if (!direction.Has(DirectionFacts.Running))
        {
            return false;
        }

        switch (direction.Stage)
        {
            case VerdictStage.Passing:
                var before = direction.Passed++;
                if (VerdictRules.IsOverfull(direction.Passed, direction.Consumed, bounds.MostHeld))
                {
                    direction.Set(DirectionFacts.Damaged | DirectionFacts.Told);
                    direction.Segment = 0;
                    direction.Stage = VerdictStage.None;
                    break;
                }

                direction.Set(DirectionFacts.Told, direction.Has(DirectionFacts.Told) || VerdictRules.TellsOfPassed(before, direction.Consumed));
                direction.Stage = VerdictStage.Delivering;
                return true;
            case VerdictStage.Delivering:
                if (endpoint.Waiting.IsEmpty)
                {
                    endpoint.Passed.Add(direction.Segment);
                    WakeReader(ref endpoint);
                }
                else
                {
                    // Behind what is redirected to this socket (sk_psock_verdict_apply), neither readable nor charged.
                    endpoint.Waiting.Add(direction.Segment | ByteQueue.Mark);
                }

                direction.Segment = 0;
                direction.Stage = VerdictStage.None;
                break;
            default:
                Decide(ref state, at);
                break;
        }

        direction.Set(DirectionFacts.Running, direction.Stage != VerdictStage.None || !endpoint.Received.IsEmpty);
        return true;
    }

    private void Decide(ref RelayState state, byte at)
    {
        ref var endpoint = ref state.Endpoints[at];
        ref var direction = ref state.Directions[at];
        if (direction.Has(DirectionFacts.Damaged))
        {
            _ = endpoint.Received.Take();
            return;
        }

        var position = endpoint.Received.Take() & ~ByteQueue.Mark;
        if (direction.NextSequence != 0 && position < direction.NextSequence && bounds.Mutant != Mutant.OverlapRelayedTwice)
        {
            return;
        }

        direction.NextSequence = (byte)(position + 1);
        var acknowledged = AcknowledgedOf(state, at);
        var hasRoom = VerdictRules.HasRoom(
            direction.Redirected, direction.Passed, direction.Consumed, 1, acknowledged, WindowOf(direction), segments: 0);
        if (!hasRoom && bounds.Mutant != Mutant.NoWindow)
        {
            direction.Segment = (byte)position;
            direction.Stage = VerdictStage.Passing;
            return;
        }

        direction.Redirected++;
        state.Endpoints[1 - at].Waiting.Add(position);
        if (bounds.Form == SockmapForm.Credit &&
            VerdictRules.RunsShort(direction.Redirected, direction.Consumed, direction.Notified, direction.NotifyAt, segments: 0))
        {
            direction.Notified = direction.NotifyAt;
            direction.Set(DirectionFacts.Told);
        }

        // Since Linux 6.4 the socket's own data_ready is called for redirected bytes too.
        WakeReader(ref endpoint);
    }

    /// <summary>The kernel's worker: sends what was redirected, and hands passed bytes over that stood behind.</summary>
    private bool Work(ref RelayState state, byte at)
    {
        ref var endpoint = ref state.Endpoints[at];
        if (endpoint.Waiting.IsEmpty)
        {
            return false;
        }

        if ((endpoint.Waiting.Head & ByteQueue.Mark) != 0)
        {
            endpoint.Passed.Add(endpoint.Waiting.Take() & ~ByteQueue.Mark);
            WakeReader(ref endpoint);
        }
        else if (endpoint.Has(SocketFacts.Reset | SocketFacts.Shut))
        {
            _ = endpoint.Waiting.Take();
        }
        else if (endpoint.Unacknowledged.Count < bounds.SendBuffer)
        {
            endpoint.Unacknowledged.Add(endpoint.Waiting.Take());
        }
        else
        {
            return false;
        }

        return true;
    }

    /// <summary>map_delete_elem of a source that is armed: what is in the verdict is dropped, and so is what waits for the sink.</summary>
    private static bool DeleteLiveEntry(ref RelayState state)
    {
        ref var direction = ref state.Directions[0];
        if (!direction.Has(DirectionFacts.Armed) || direction.Path != Yarp.Splice.Relay.Paths.PathKind.Sockmap)
        {
            return false;
        }

        direction.Set(DirectionFacts.Armed | DirectionFacts.Running, false);
        direction.Stage = VerdictStage.None;
        direction.Segment = 0;
        state.Endpoints[1].Waiting.Clear();
        return true;
    }
}
