using System.Diagnostics;
using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Rules;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Relay;

/// <summary>
/// A client's socket and an upstream socket, on one event loop: connecting, relaying, passing a reset on, ended. The session itself is the
/// one timer that it needs.
/// </summary>
internal sealed partial class RelaySession : EventLoopTimer
{
    private static readonly TimeSpan s_firstPoll = TimeSpan.FromMilliseconds(8);
    private static readonly TimeSpan s_lastPoll = TimeSpan.FromMilliseconds(500);

    private readonly RelayEngine _engine;
    private readonly EventLoop _loop;
    private readonly RelayEndpoint _client;
    private readonly ClientFacts _clientFacts;
    private readonly long _startedMs;

    private ReadOnlyMemory<byte> _prefix;
    private RelayEndpoint? _upstream;
    private RelayDirection? _toUpstream;
    private RelayDirection? _toClient;
    private RelayEndpoint? _failed;
    private State _state = State.Connecting;
    private long _lastActivityMs;
    private long _closeDeadlineMs;
    private TimeSpan _poll = s_firstPoll;
    private bool _isTimerShortened;
    private bool _hasFallenBack;

    public RelaySession(
        RelayEngine engine, RelayWorker worker, TcpRoute route, int descriptor, ReadOnlyMemory<byte> prefix, ClientFacts client)
    {
        _engine = engine;
        Id = engine.Sessions.NextId();
        Worker = worker;
        Route = route;
        _loop = worker.Loop;
        _client = new RelayEndpoint(this, descriptor);
        _prefix = prefix;
        _clientFacts = client;
        _startedMs = _lastActivityMs = _loop.NowMs;
        _counters = worker.Counters.Of(route, null);
        _counters.Enter(PathKind.None);
    }

    internal enum State
    {
        /// <summary>The client waits for a place. Nothing is read from it.</summary>
        Queued,

        /// <summary>The client waits while destinations are tried. Nothing is read from it, so early data stays in the kernel, bounded.</summary>
        Connecting,

        Relaying,

        /// <summary>One side has failed. What it sent before goes to the other side, then the other side is reset.</summary>
        Resetting,

        /// <summary>The lifetime is over. What is held goes to its side, then both are closed.</summary>
        Retiring,

        Ended,
    }

    public RelayWorker Worker { get; }

    public TcpRoute Route { get; }

    public void OnActivity() => _lastActivityMs = _loop.NowMs;

    public void OnNoPipe(string reason)
    {
        if (!_hasFallenBack)
        {
            _hasFallenBack = true;
            ReportFallback(Route.Mode, SpliceMode.Copy, reason);
        }
    }

    /// <summary>Something may have changed that no readiness tells.</summary>
    public void TryAgain()
    {
        if (_state is State.Relaying or State.Resetting or State.Retiring)
        {
            Advance();
        }
    }

    public void OnEndpointReady(RelayEndpoint endpoint, Readiness readiness)
    {
        NoteEnd(endpoint);
        switch (_state)
        {
            case State.Queued:
                OnReadyWhileQueued(readiness);
                break;
            case State.Connecting:
                OnReadyWhileConnecting(endpoint, readiness);
                break;
            case State.Relaying:
                // A blocked direction does not read its source, and one that is over does not either: their reset shows only here. Without
                // an error a hang-up is two FINs, which the directions see by themselves.
                if (endpoint.TakeError(readiness) != 0)
                {
                    Fail(endpoint);
                    Advance();
                    break;
                }

                Wake();
                break;
            case State.Resetting:
                if (endpoint.IsFailed)
                {
                    // If it is the side that was to be reset, nobody is left to deliver to.
                    Fail(endpoint);
                }

                Advance();
                break;
            case State.Retiring:
                Advance();
                break;
        }
    }

    /// <summary>Resets both sides at once. On the event loop.</summary>
    public void Cut(string outcome) => End(outcome, resetClient: true, resetUpstream: true);

    protected override void OnTimer()
    {
        switch (_state)
        {
            case State.Queued:
                OnQueueTimer();
                break;
            case State.Connecting:
                OnTimerWhileConnecting();
                break;
            case State.Relaying when _loop.NowMs >= _lifetimeEndMs:
                Retire();
                break;
            case State.Relaying:
                CheckInactivity();
                break;
            case State.Resetting:
                PassResetOn();
                break;
            case State.Retiring:
                EndIfDelivered();
                break;
        }
    }

    private void BeginRelaying(RelayEndpoint upstream, bool isReset = false, ReadOnlyMemory<byte> toClient = default)
    {
        _state = State.Relaying;
        var policy = ChoosePolicy();
        _toUpstream = new RelayDirection(this, _client, upstream, _prefix, policy)
        {
            Tally = _counters!.Bytes(true, PathKind.Copy),
            Rate = CreateRate(Route.Limits.BytesPerSecondToUpstream),
        };
        _toClient = new RelayDirection(this, upstream, _client, toClient, policy)
        {
            Tally = _counters.Bytes(false, PathKind.Copy),
            Rate = CreateRate(Route.Limits.BytesPerSecondToClient),
        };
        _toUpstream.Tally.Add(_prefix.Length);
        _toClient.Tally.Add(toClient.Length);
        // Gone once it is sent; a session may live for days.
        _prefix = default;
        OnActivity();
        BeginLifetime();
        ArmWhileRelaying(Route.IdleTimeout);
        if (isReset)
        {
            // Its error has been taken off the socket, so no read will tell.
            Fail(upstream);
        }

        Advance();
    }

    private RelayRate? CreateRate(long? bytesPerSecond) => bytesPerSecond is { } rate ? new RelayRate(this, rate) : null;

    private void Advance()
    {
        var isOutOfTurn = Advance(_toUpstream!) | Advance(_toClient!);
        EndTurn();
        if (IsDamaged)
        {
            EndDamaged();
            return;
        }

        switch (SessionRules.Next(_state, _toUpstream!.IsOver, _toClient!.IsOver, _failed is not null && From(_failed).IsOver))
        {
            case SessionStep.Finish:
                End(RelayOutcome.Finished, resetClient: false, resetUpstream: false);
                return;
            case SessionStep.HalfClose:
                ShortenTimer();
                break;
            case SessionStep.PassResetOn:
                PassResetOn();
                return;
            case SessionStep.EndIfDelivered:
                EndIfDelivered();
                break;
        }

        if (isOutOfTurn && _state != State.Ended)
        {
            Defer();
        }

        ArmIfReady();
        LimitInterest();
    }

    /// <summary>Pumps one direction; true if it has more to do.</summary>
    private bool Advance(RelayDirection direction)
    {
        if (direction.IsOver)
        {
            return false;
        }

        switch (direction.Pump(BytesPerTurn))
        {
            case RelayFlow.SourceFailed:
                Fail(direction.Source);
                return false;
            case RelayFlow.SinkFailed:
                Fail(direction.Sink);
                return false;
            case RelayFlow.OutOfTurn:
                return true;
            default:
                return false;
        }
    }

    private RelayDirection From(RelayEndpoint source) => source == _client ? _toUpstream! : _toClient!;

    private RelayEndpoint Other(RelayEndpoint endpoint) => endpoint == _client ? _upstream! : _client;

    /// <summary>One side was reset or failed: the other will be reset too, but only after it got what was sent before.</summary>
    private void Fail(RelayEndpoint endpoint)
    {
        switch (SessionRules.OnFailure(_state, endpoint != _failed))
        {
            case FailureStep.Ignore:
                return;
            case FailureStep.AbandonRest:
                From(_failed!).Abandon();
                return;
        }

        _state = State.Resetting;
        _failed = endpoint;
        _closeDeadlineMs = _loop.NowMs + (long)Route.HalfCloseTimeout.TotalMilliseconds;
        From(Other(endpoint)).Abandon();
        var remaining = From(endpoint);
        remaining.FailSource();
        _loop.Arm(this, Route.HalfCloseTimeout);
        if (Advance(remaining))
        {
            Defer();
        }
    }

    private void PassResetOn()
    {
        if (IsDelivered(From(_failed!)) || _loop.NowMs >= _closeDeadlineMs)
        {
            End(_failed == _client ? RelayOutcome.ClientReset : RelayOutcome.UpstreamReset, resetClient: true, resetUpstream: true);
            return;
        }

        PollDelivery();
    }

    private static bool IsDelivered(RelayDirection direction) =>
        SessionRules.IsDelivered(direction.IsOver, direction.Sink.IsFailed, SocketCalls.UnacknowledgedBytes(direction.Sink.Descriptor));

    /// <summary>There is no event for what is acknowledged, only SIOCOUTQ.</summary>
    private void PollDelivery()
    {
        var left = TimeSpan.FromMilliseconds(_closeDeadlineMs - _loop.NowMs);
        _loop.Arm(this, left < _poll ? left : _poll);
        _poll = _poll * 2 < s_lastPoll ? _poll * 2 : s_lastPoll;
    }

    private TimeSpan InactivityLimit =>
        (_toUpstream!.IsOver || _toClient!.IsOver) && Route.HalfCloseTimeout < Route.IdleTimeout ? Route.HalfCloseTimeout : Route.IdleTimeout;

    /// <summary>The deadline moves with every byte; the timer does not, it looks at the time of the last byte when it fires.</summary>
    private void CheckInactivity()
    {
        CountKernelActivity();
        var left = InactivityLimit - TimeSpan.FromMilliseconds(_loop.NowMs - _lastActivityMs);
        if (left > TimeSpan.Zero)
        {
            ArmWhileRelaying(left);
            return;
        }

        var isHalfClosed = _toUpstream!.IsOver || _toClient!.IsOver;
        End(isHalfClosed ? RelayOutcome.HalfCloseTimeout : RelayOutcome.IdleTimeout, resetClient: false, resetUpstream: false);
    }

    private void ShortenTimer()
    {
        if (!_isTimerShortened)
        {
            _isTimerShortened = true;
            OnActivity();
            ArmWhileRelaying(InactivityLimit);
        }
    }

    private void End(string outcome, bool resetClient, bool resetUpstream)
    {
        if (_state == State.Ended)
        {
            return;
        }

        if (_state == State.Queued)
        {
            LeaveQueue(outcome);
        }

        _state = State.Ended;
        _outcome = outcome;
        _loop.Cancel(this);
        _toUpstream?.Abandon();
        _toClient?.Abandon();

        // What close(2) does by itself where bytes are unread. A sender that it has not reset, and whose window they have closed, would wait a minute.
        _client.Close(_loop, resetClient || _armedToUpstream is { HasUnread: true });
        CloseAttempts();
        _upstream?.Close(_loop, resetUpstream || _armedToClient is { HasUnread: true });
        if (_destination is not null)
        {
            _engine.Destinations.Release(_destination);
        }

        _counters!.Leave(_countedPath);
        _engine.OnEnded(this, outcome, _toUpstream?.Moved ?? 0, _toClient?.Moved ?? 0, Stopwatch.GetElapsedTime(AcceptedAt));
        Disarm();
        _ended?.SetResult(Describe());
    }
}
