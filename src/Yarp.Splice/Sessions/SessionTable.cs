using System.Diagnostics;
using System.Net;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Sessions;

/// <summary>Knows every session, and tells the observers of the ones that have ended and of the connections that never became one.</summary>
internal sealed class SessionTable(SpliceMetrics metrics, IEnumerable<ISessionObserver> observers) : ISessionTable
{
    private readonly ISessionObserver[] _observers = [.. observers];
    private readonly Lock _lock = new();
    private SessionSet[] _sets = [];
    private long _lastId;

    /// <summary>Whether anybody wants records: without, nothing is put together for them.</summary>
    public bool IsObserved => _observers.Length > 0;

    public int Count => Volatile.Read(ref _sets).Sum(static set => set.Count);

    public long NextId() => Interlocked.Increment(ref _lastId);

    /// <summary>A set for the sessions of one event loop, or of a relay that has none.</summary>
    public SessionSet NewSet()
    {
        var set = new SessionSet();
        lock (_lock)
        {
            _sets = [.. _sets, set];
        }

        return set;
    }

    public IReadOnlyList<SessionRecord> List(long after, int limit, Func<SessionRecord, bool>? filter = null)
    {
        var sets = Volatile.Read(ref _sets);
        var ids = new List<(long Id, SessionSet Set)>();
        foreach (var set in sets)
        {
            foreach (var id in set.Ids())
            {
                if (id > after)
                {
                    ids.Add((id, set));
                }
            }
        }

        ids.Sort(static (one, other) => one.Id.CompareTo(other.Id));
        var page = new List<SessionRecord>();
        foreach (var (id, set) in ids)
        {
            if (page.Count >= limit)
            {
                break;
            }

            if (set.TryGet(id, out var session) && session.Describe() is var record && filter?.Invoke(record) != false)
            {
                page.Add(record);
            }
        }

        return page;
    }

    public SessionRecord? Find(long id) => TryFind(id)?.Describe();

    public bool Cut(long id)
    {
        var session = TryFind(id);
        session?.RequestCut(RelayOutcome.Cut);
        return session is not null;
    }

    public int CutAll(string clusterId, string destinationId) => CutAll(clusterId, destinationId, RelayOutcome.Cut);

    /// <summary>As <see cref="CutAll(string, string)"/>, because of the destination's health.</summary>
    public int CutUnhealthy(string clusterId, string destinationId) => CutAll(clusterId, destinationId, RelayOutcome.DestinationUnhealthy);

    /// <summary>Resets both sides of every session that the filter takes, and returns these sessions.</summary>
    public List<ITrackedSession> CutAll(Func<ITrackedSession, bool> filter, string outcome)
    {
        var cut = Volatile.Read(ref _sets).SelectMany(static set => set.ToArray()).Where(filter).ToList();
        cut.ForEach(session => session.RequestCut(outcome));
        return cut;
    }

    public void Ended(SessionRecord record)
    {
        foreach (var observer in _observers)
        {
            observer.OnEnded(record);
        }
    }

    /// <summary>A connection was closed before it became a session of its route.</summary>
    public void Refused(TcpRoute route, string reason, ClientFacts client)
    {
        metrics.Refused(route.RouteId, reason);
        if (IsObserved)
        {
            Ended(RecordOf(reason, client, route.Port) with { RouteId = route.RouteId, ClusterId = route.ClusterId, Mode = route.Mode });
        }
    }

    /// <summary>A connection was closed before it had a route.</summary>
    public void Refused(TcpPort port, string reason, ClientFacts client)
    {
        metrics.Refused(port, reason);
        if (IsObserved)
        {
            Ended(RecordOf(reason, client, port.Port));
        }
    }

    private static SessionRecord RecordOf(string reason, ClientFacts client, int port)
    {
        var duration = client.AcceptedAt == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(client.AcceptedAt);
        return new SessionRecord
        {
            AcceptedAt = DateTimeOffset.UtcNow - duration,
            ClientEndPoint = client.RemoteEndPoint,
            LocalEndPoint = client.LocalEndPoint ?? new IPEndPoint(IPAddress.Any, port),
            ServerName = client.ServerName,
            PrereadTime = duration,
            Duration = duration,
            Outcome = reason,
            ClosedBy = SessionParty.Gateway,
        };
    }

    private int CutAll(string clusterId, string destinationId, string outcome) => CutAll(
        session => string.Equals(session.ClusterId, clusterId, StringComparison.OrdinalIgnoreCase) &&
            string.Equals(session.DestinationId, destinationId, StringComparison.OrdinalIgnoreCase),
        outcome).Count;

    private ITrackedSession? TryFind(long id)
    {
        foreach (var set in Volatile.Read(ref _sets))
        {
            if (set.TryGet(id, out var session))
            {
                return session;
            }
        }

        return null;
    }
}
