using System.Diagnostics;
using System.Net;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Relay.Managed;

/// <content>What metrics, the access log and the table of sessions want to know.</content>
internal sealed partial class ManagedSession : ITrackedSession
{
    private const string NoEventLoop = "the connection is not on an event loop";

    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private SessionCounters _counters;
    private SelectedDestination? _destination;
    private EndPoint? _destinationEndPoint;
    private SessionParty? _firstToFinish;
    private PathKind _path;
    private string? _lastFailure;
    private long _connectedAt;
    private long _firstByteAt;
    private int _attempts;

    public long Id { get; }

    public TcpRoute Route => _route;

    public string ClusterId => _route.ClusterId;

    public SelectedDestination? Destination => _destination;

    public string? DestinationId => _destination?.DestinationId;

    private long AcceptedAt => _facts.AcceptedAt == 0 ? _startedAt : _facts.AcceptedAt;

    public void RequestCut(string outcome) => Abort(outcome);

    public SessionRecord Describe()
    {
        var duration = Stopwatch.GetElapsedTime(AcceptedAt);
        var path = _path == PathKind.None ? null : _path.ToString();
        var outcome = Volatile.Read(ref _outcome);
        return new SessionRecord
        {
            Id = Id,
            AcceptedAt = DateTimeOffset.UtcNow - duration,
            ClientEndPoint = _facts.RemoteEndPoint,
            LocalEndPoint = _client.LocalEndPoint,
            ServerName = _facts.ServerName,
            RouteId = _route.RouteId,
            ClusterId = _route.ClusterId,
            Mode = _route.Mode,
            DestinationId = DestinationId,
            DestinationEndPoint = _destinationEndPoint,
            Attempts = _attempts,
            PrereadTime = Stopwatch.GetElapsedTime(AcceptedAt, _startedAt),
            ConnectTime = _connectedAt == 0 ? null : Stopwatch.GetElapsedTime(_startedAt, _connectedAt),
            FirstByteTime = _firstByteAt == 0 ? null : Stopwatch.GetElapsedTime(_connectedAt, _firstByteAt),
            Duration = duration,
            BytesToUpstream = Volatile.Read(ref _bytesToUpstream),
            BytesToClient = Volatile.Read(ref _bytesToClient),
            PathToUpstream = path,
            PathToClient = path,
            PathReason = path is null ? null : NoEventLoop,
            Outcome = outcome,
            ClosedBy = outcome is null ? null : RelayOutcome.PartyOf(outcome, _firstToFinish),
            ConnectFailure = _lastFailure,
        };
    }

    private void CountConnected(SelectedDestination destination)
    {
        _connectedAt = Stopwatch.GetTimestamp();
        _destination = destination;
        _destinationEndPoint = _upstream!.RemoteEndPoint;
        _counters.Leave(PathKind.None);
        _counters = _counterSet.Of(_route, destination.DestinationId);
        _counters.Enter(_path = PathKind.Managed);
        _metrics.Connected(_route, destination.DestinationId, Stopwatch.GetElapsedTime(_startedAt, _connectedAt));
    }

    private void CountToUpstream(long bytes)
    {
        _bytesToUpstream += bytes;
        _counters.Bytes(isToUpstream: true, PathKind.Managed).AddShared(bytes);
    }

    private void CountToClient(long bytes)
    {
        if (_firstByteAt == 0)
        {
            _firstByteAt = Stopwatch.GetTimestamp();
            _metrics.FirstByte(_route, DestinationId!, Stopwatch.GetElapsedTime(_connectedAt, _firstByteAt));
        }

        _bytesToClient += bytes;
        _counters.Bytes(isToUpstream: false, PathKind.Managed).AddShared(bytes);
    }
}
