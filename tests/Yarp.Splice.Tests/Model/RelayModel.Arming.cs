using Yarp.Splice.Relay.Paths;

namespace Yarp.Splice.Tests.Model;

/// <content>Handing a session to the kernel, in the order of SockmapProgram.Arm.</content>
internal sealed partial class RelayModel
{
    private void Arm(ref RelayState state)
    {
        ref var direction = ref state.Directions[state.At];
        ref var source = ref state.Endpoints[state.At];
        switch (state.Point)
        {
            case RelayPoint.ArmPeers when !IsEstablished(state.Endpoints[0]) || !IsEstablished(state.Endpoints[1]):
                FallBack(ref state);
                GoIdle(ref state);
                break;
            case RelayPoint.ArmPeers:
                TakeBaseline(ref state, 0);
                TakeBaseline(ref state, 1);
                state.Point = RelayPoint.ArmSource;
                break;
            case RelayPoint.ArmSource when !IsEstablished(source):
                // The first of the two is armed all the same, and the second is its peer: recv it must be, so it copies.
                var isFirst = state.At == 0;
                CompleteArming(ref state);
                state.MaySplice = bounds.MaySplice && isFirst;
                break;
            case RelayPoint.ArmSource:
                direction.Set(DirectionFacts.Armed);
                if ((source.Received.Head & ByteQueue.Mark) != 0)
                {
                    // A part of the segment has been read; the verdict gets all of it.
                    source.Received.PutBack((source.Received.Head & ~ByteQueue.Mark) - 1);
                }

                state.Point = RelayPoint.OpenWindow;
                break;
            case RelayPoint.OpenWindow:
                Refresh(ref state, state.At);
                state.Point = RelayPoint.Kick;
                break;
            default:
                direction.Set(DirectionFacts.Running, direction.Has(DirectionFacts.Running) ||
                    (bounds.Mutant != Mutant.NotKicked && !source.Received.IsEmpty));
                if (state.At == 0)
                {
                    state.At = 1;
                    state.Point = RelayPoint.ArmSource;
                }
                else
                {
                    CompleteArming(ref state);
                }

                break;
        }
    }

    private static bool IsEstablished(in EndpointState endpoint) => !endpoint.Has(SocketFacts.Fin | SocketFacts.Reset);

    private static void TakeBaseline(ref RelayState state, int at)
    {
        ref var direction = ref state.Directions[at];
        direction.ReceivedBefore = (byte)(state.Endpoints[at].Sent - state.Endpoints[at].Received.Count);
        direction.SentBefore = (byte)(state.Endpoints[1 - at].Got + state.Endpoints[1 - at].Unacknowledged.Count);
    }

    private static void CompleteArming(ref RelayState state)
    {
        state.AwaitsArming = false;
        foreach (var i in s_both)
        {
            ref var direction = ref state.Directions[i];
            direction.Path = direction.Has(DirectionFacts.Armed) ? PathKind.Sockmap : direction.Path;
        }

        GoIdle(ref state);
    }
}
