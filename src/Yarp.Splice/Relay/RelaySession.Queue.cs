using System.Diagnostics;
using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.Interop;
using Yarp.Splice.Limits;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Relay;

/// <content>
/// Waiting for a place: first at the route, then at a destination, both within one deadline. Nothing is read from the client meanwhile. A place
/// that arrives when the session has ended is given back.
/// </content>
internal sealed partial class RelaySession : IWaitingClient
{
    /// <summary>How often a policy may pick nothing although a destination has a place.</summary>
    private const int MostVainPicks = 16;

    // Places become free without anybody being told: a destination recovers, a limit is raised, an HTTP request ends.
    private static readonly TimeSpan s_lookInterval = TimeSpan.FromSeconds(1);

    private LinkedListNode<IWaitingClient>? _ticket;
    private long _queueDeadlineMs;
    private long _queuedAtMs;
    private int _vainPicks;

    LinkedListNode<IWaitingClient> IWaitingClient.Ticket => _ticket ??= new LinkedListNode<IWaitingClient>(this);

    /// <summary>Whether the session has its place at the route, as every session has that does not wait for it.</summary>
    public bool HasPlace { get; private set; }

    // Nobody changes what was tried while the session waits.
    bool IWaitingClient.CanUse(SelectedDestination destination) => !_tried.Contains(destination.DestinationId);

    void IWaitingClient.OnPlace(SelectedDestination? destination) => _loop.Post(_ => OnPlace(destination), null);

    private void WaitForRoute()
    {
        if (!TryBeginWaiting())
        {
            return;
        }

        if (_engine.Limits.PlacesOf(Route).TakeOrWait(Route.Limits, this))
        {
            OnPlace(destination: null);
        }
    }

    /// <summary>No destination was picked. True if that is because they are full: then the session waits, has ended, or has picked again.</summary>
    private bool TryWaitForDestination()
    {
        if (_vainPicks++ == MostVainPicks)
        {
            return false;
        }

        var answer = _engine.Destinations.TryWait(Route, _tried, client: null);
        if (answer == WaitAnswer.NoDestination)
        {
            return false;
        }

        if (answer == WaitAnswer.Full)
        {
            if (Route.Limits.QueueTimeout is null)
            {
                TurnAway(RefusalReason.DestinationsFull);
                return true;
            }

            if (!TryBeginWaiting() || _engine.Destinations.TryWait(Route, _tried, this) == WaitAnswer.Full)
            {
                return true;
            }

            EndWaiting(QueueOutcome.Served);
        }

        TryNextDestination();
        return true;
    }

    private bool TryBeginWaiting()
    {
        if (!_engine.Limits.PlacesOf(Route).TryCountWaiting(Route.Limits))
        {
            TurnAway(RefusalReason.QueueFull);
            return false;
        }

        _queuedAtMs = _loop.NowMs;
        _queueDeadlineMs = _queueDeadlineMs != 0 ? _queueDeadlineMs : _queuedAtMs + (long)Route.Limits.QueueTimeout!.Value.TotalMilliseconds;
        _state = State.Queued;
        ArmQueueTimer();
        _engine.Limits.OnQueued(Route);
        return true;
    }

    private void EndWaiting(string outcome)
    {
        _loop.Cancel(this);
        _state = State.Connecting;
        _engine.Limits.PlacesOf(Route).UncountWaiting();
        _engine.Limits.OnUnqueued(Route, TimeSpan.FromMilliseconds(_loop.NowMs - _queuedAtMs), outcome);
    }

    private void OnPlace(SelectedDestination? destination)
    {
        if (_state != State.Queued)
        {
            Debug.Assert(_state == State.Ended);
            GivePlaceBack(destination);
            return;
        }

        EndWaiting(QueueOutcome.Served);
        if (destination is null)
        {
            BeginAdmitted();
        }
        else
        {
            ConnectTo(destination);
        }
    }

    private void GivePlaceBack(SelectedDestination? destination)
    {
        if (destination is null)
        {
            _engine.Limits.PlacesOf(Route).Release();
        }
        else
        {
            _engine.Destinations.Release(destination);
        }
    }

    private void OnReadyWhileQueued(Readiness readiness)
    {
        // A FIN behind bytes may be the end of a request whose answer is waited for; without a byte there is nothing to answer.
        if ((readiness & (Readiness.Error | Readiness.HangUp)) != 0 ||
            ((readiness & Readiness.ReadHangUp) != 0 && _prefix.IsEmpty && SocketStateCalls.UnreadBytes(_client.Descriptor) <= 0))
        {
            End(RelayOutcome.ClientLeft, resetClient: true, resetUpstream: true);
        }
    }

    private void ArmQueueTimer()
    {
        var left = TimeSpan.FromMilliseconds(Math.Max(_queueDeadlineMs - _loop.NowMs, 0));
        _loop.Arm(this, HasPlace && s_lookInterval < left ? s_lookInterval : left);
    }

    private void OnQueueTimer()
    {
        if (_loop.NowMs >= _queueDeadlineMs)
        {
            if (TryLeaveLine())
            {
                TurnAway(RefusalReason.QueueTimeout);
            }
        }
        else if (_engine.Destinations.Select(Route, _clientFacts, _tried) is { } next && _engine.Destinations.TryAcquire(next))
        {
            if (TryLeaveLine())
            {
                EndWaiting(QueueOutcome.Served);
                ConnectTo(next);
            }
            else
            {
                // The place that is on its way will do.
                _engine.Destinations.Release(next);
            }
        }
        else
        {
            ArmQueueTimer();
        }
    }

    /// <summary>False if the session is not in its line any more, because its place is on the way.</summary>
    private bool TryLeaveLine() => HasPlace ? _engine.Destinations.Leave(Route, this) : _engine.Limits.PlacesOf(Route).Leave(this);

    /// <summary>Of a session that has ended while it waited.</summary>
    private void LeaveQueue(string outcome)
    {
        _ = TryLeaveLine();
        _engine.Limits.PlacesOf(Route).UncountWaiting();
        _engine.Limits.OnUnqueued(
            Route,
            TimeSpan.FromMilliseconds(_loop.NowMs - _queuedAtMs),
            outcome == RefusalReason.QueueTimeout ? QueueOutcome.TimedOut : QueueOutcome.Left);
    }

    private void TurnAway(string reason)
    {
        _engine.Limits.OnTurnedAway(Route, reason);
        End(reason, resetClient: false, resetUpstream: true);
    }
}
