using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Limits;

/// <summary>
/// What both relays ask before they serve a client, and tell when they limit it. Counts are kept by the route's id, so a reload does not lose them.
/// Thread-safe.
/// </summary>
internal sealed class ConnectionLimits(SpliceMetrics metrics, SessionTable sessions, ILoggerFactory loggerFactory)
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);
    private readonly ConcurrentDictionary<string, RoutePlaces> _places = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, SourceRates> _rates = new(StringComparer.OrdinalIgnoreCase);
    private readonly ThrottledNotice _refusals = new(TimeSpan.FromSeconds(10));

    public RoutePlaces PlacesOf(TcpRoute route) => _places.GetOrAdd(route.RouteId, static _ => new RoutePlaces());

    /// <summary>Whether a new connection may stay; if not, it is counted and logged as refused.</summary>
    /// <param name="route">The route.</param>
    /// <param name="client">The client.</param>
    /// <param name="hasPlace">Whether it has a place at the route, which must be given back. Otherwise it may wait for one.</param>
    public bool TryAdmit(TcpRoute route, ClientFacts client, out bool hasPlace)
    {
        hasPlace = false;
        if (IsTooFast(route, client))
        {
            Refuse(route, RefusalReason.ConnectionRate, client);
            return false;
        }

        hasPlace = PlacesOf(route).TryTake(route.Limits);
        if (hasPlace || route.Limits.QueueTimeout is not null)
        {
            return true;
        }

        Refuse(route, RefusalReason.MaxConnections, client);
        return false;
    }

    /// <summary>A session ends because it gets no place.</summary>
    public void OnTurnedAway(TcpRoute route, string reason)
    {
        metrics.Refused(route.RouteId, reason);
        Log(route, reason);
    }

    public void OnQueued(TcpRoute route) => metrics.Queued(route.RouteId, 1);

    /// <param name="route">The route.</param>
    /// <param name="wait">How long the client has waited.</param>
    /// <param name="outcome">A constant of <see cref="QueueOutcome"/>.</param>
    public void OnUnqueued(TcpRoute route, TimeSpan wait, string outcome)
    {
        metrics.Queued(route.RouteId, -1);
        metrics.QueueEnded(route.RouteId, wait.TotalSeconds, outcome);
    }

    private void Refuse(TcpRoute route, string reason, ClientFacts client)
    {
        sessions.Refused(route, reason, client);
        Log(route, reason);
    }

    private void Log(TcpRoute route, string reason)
    {
        if (_refusals.ShouldSay($"{route.RouteId} {reason}", out var unsaid))
        {
            SpliceLog.LimitReached(_logger, route.RouteId, Explain(route.Limits, reason), unsaid);
        }
    }

    private bool IsTooFast(TcpRoute route, ClientFacts client) =>
        route.Limits is { ConnectionRate: { } rate } limits && SourceRates.SourceOf(client.RemoteEndPoint) is { } counted &&
        !_rates.GetOrAdd(route.RouteId, static _ => new SourceRates()).TryTake(counted, rate, limits.ConnectionBurst ?? rate);

    private static string Explain(RouteLimits limits, string reason) => reason switch
    {
        RefusalReason.ConnectionRate => $"its source opens more than {limits.ConnectionRate} connections a second (Splice:ConnectionRate)",
        RefusalReason.MaxConnections => $"{limits.MaxConnections} sessions are open (Splice:MaxConnections)",
        RefusalReason.DestinationsFull => "every destination has as many sessions as it may (Splice.MaxConnections of the destinations)",
        RefusalReason.QueueFull => $"{limits.MaxQueue} clients wait for a place already (Splice:MaxQueue)",
        RefusalReason.QueueTimeout => $"it got no place within {limits.QueueTimeout} (Splice:QueueTimeout)",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, null),
    };
}
