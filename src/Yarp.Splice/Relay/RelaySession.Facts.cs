using System.Diagnostics;
using System.Net;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Relay;

/// <content>What metrics, the access log and the table of sessions want to know.</content>
internal sealed partial class RelaySession : ITrackedSession
{
    private const string NotLongEnough = "the session was over before the kernel was to take it over";
    private const string NotBulk = "no read was full, so copying was cheaper";

    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private long _connectedAt;
    private long _firstByteAt;
    private SessionCounters? _counters;
    private SessionParty? _firstToFinish;
    private string? _pathReason;
    private string? _outcome;
    private PathKind _countedPath;
    private PathKind _farthestToUpstream = PathKind.Copy;
    private PathKind _farthestToClient = PathKind.Copy;
    private int _pathMoves;

    public long Id { get; }

    public string ClusterId => Route.ClusterId;

    public SelectedDestination? Destination => _destination;

    public string? DestinationId => _destination?.DestinationId ?? _connectedTo;

    public PathKind FarthestPath => _toUpstream is null ? PathKind.None
        : _farthestToUpstream > _farthestToClient ? _farthestToUpstream : _farthestToClient;

    private long AcceptedAt => _clientFacts.AcceptedAt == 0 ? _startedAt : _clientFacts.AcceptedAt;

    public void OnPathMove(RelayDirection direction, RelayPath from, RelayPath to)
    {
        var isToUpstream = direction == _toUpstream;
        ref var farthest = ref isToUpstream ? ref _farthestToUpstream : ref _farthestToClient;
        farthest = to.Kind > farthest ? to.Kind : farthest;
        _pathMoves++;
        direction.Tally = _counters!.Bytes(isToUpstream, to.Kind);
        CountAs(FarthestPath);
        _engine.OnPathMove(Route, isToUpstream, from, to);
    }

    /// <summary>The first bytes of a direction.</summary>
    public void OnFirstTransfer(RelayDirection direction)
    {
        if (direction == _toClient)
        {
            _firstByteAt = Stopwatch.GetTimestamp();
            _engine.OnFirstByte(this, DestinationId!, Stopwatch.GetElapsedTime(_connectedAt, _firstByteAt));
        }
    }

    /// <summary>Bytes have waited so long for their sink.</summary>
    public void OnStalled(RelayDirection direction, long ms) =>
        (direction == _toUpstream ? _counters!.StalledToUpstreamMs : _counters!.StalledToClientMs).Add(ms);

    public void RequestCut(string outcome) => _loop.Post(_ => Cut(outcome), null);

    public SessionRecord Describe()
    {
        var now = Stopwatch.GetTimestamp();
        var duration = Stopwatch.GetElapsedTime(AcceptedAt, now);
        var (connectedAt, firstByteAt) = (Volatile.Read(ref _connectedAt), Volatile.Read(ref _firstByteAt));
        return new SessionRecord
        {
            Id = Id,
            IsOfRequest = _ended is not null,
            AcceptedAt = DateTimeOffset.UtcNow - duration,
            ClientEndPoint = _clientFacts.RemoteEndPoint,
            LocalEndPoint = _clientFacts.LocalEndPoint ?? new IPEndPoint(Route.Listen ?? IPAddress.Any, Route.Port),
            ServerName = _clientFacts.ServerName,
            RouteId = Route.RouteId,
            ClusterId = Route.ClusterId,
            Mode = Route.Mode,
            DestinationId = DestinationId,
            DestinationEndPoint = _nextAddress is > 0 and var next && next <= _addresses.Length ? _addresses[next - 1] : null,
            Attempts = _tried.Count,
            PrereadTime = Stopwatch.GetElapsedTime(AcceptedAt, _startedAt),
            ConnectTime = connectedAt == 0 ? null : Stopwatch.GetElapsedTime(_startedAt, connectedAt),
            FirstByteTime = firstByteAt == 0 ? null : Stopwatch.GetElapsedTime(connectedAt, firstByteAt),
            Duration = duration,
            BytesToUpstream = _toUpstream?.Moved ?? 0,
            BytesToClient = _toClient?.Moved ?? 0,
            PathToUpstream = _toUpstream is null ? null : _farthestToUpstream.ToString(),
            PathToClient = _toClient is null ? null : _farthestToClient.ToString(),
            PathMoves = _pathMoves,
            PathReason = ExplainPath(),
            Outcome = _outcome,
            ClosedBy = _outcome is null ? null : RelayOutcome.PartyOf(_outcome, _firstToFinish),
            ConnectFailure = _lastFailure,
            Worker = _loop.Index,
        };
    }

    private void ReportFallback(SpliceMode requested, SpliceMode effective, string reason)
    {
        _pathReason = reason;
        _engine.ReportFallback(Route, requested, effective, reason);
    }

    private void NoteEnd(RelayEndpoint endpoint)
    {
        if (endpoint.IsEndSeen)
        {
            _firstToFinish ??= endpoint == _client ? SessionParty.Client : SessionParty.Upstream;
        }
    }

    /// <summary>Counts the session as connected to a destination, and not as connecting any more.</summary>
    private void CountConnected(string destinationId)
    {
        _connectedAt = Stopwatch.GetTimestamp();
        _counters!.Leave(PathKind.None);
        _counters = Worker.Counters.Of(Route, destinationId);
        _counters.Enter(_countedPath = PathKind.Copy);
    }

    private void CountAs(PathKind path)
    {
        if (path != _countedPath)
        {
            _counters!.Leave(_countedPath);
            _counters.Enter(_countedPath = path);
        }
    }

    /// <summary>A fallback has its reason; otherwise the session itself gave none for the path that its mode is for.</summary>
    private string? ExplainPath() => _pathReason ?? (_outcome is null || _toUpstream is null ? null : Route.Mode switch
    {
        SpliceMode.Sockmap when FarthestPath != PathKind.Sockmap => NotLongEnough,
        SpliceMode.Splice when FarthestPath != PathKind.Splice => NotBulk,
        _ => null,
    });
}
