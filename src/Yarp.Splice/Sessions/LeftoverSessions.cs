using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Sessions;

/// <summary>
/// Sessions that a change of the configuration has left without their route or without their destination. They go on, unless their route, as it was
/// when they began, says otherwise.
/// </summary>
internal sealed class LeftoverSessions(TcpRoutes routes, IProxyStateLookup state, SessionTable sessions, ILoggerFactory loggerFactory) : IHostedService, IDisposable
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Timer> _drains = new(StringComparer.OrdinalIgnoreCase);
    private Dictionary<string, TcpRoute> _known = [];
    private bool _mayCut;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        Follow();
        routes.Changed += Follow;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        routes.Changed -= Follow;
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var drain in _drains.Values)
            {
                drain.Dispose();
            }

            _drains.Clear();
        }
    }

    private void Follow()
    {
        lock (_lock)
        {
            var current = new Dictionary<string, TcpRoute>(StringComparer.OrdinalIgnoreCase);
            foreach (var route in routes.Current.Routes)
            {
                current[route.RouteId] = route;
                _mayCut |= route.OnDestinationRemoved == SessionFate.Cut;
                if (_drains.Remove(route.RouteId, out var drain))
                {
                    // It has come back in time.
                    drain.Dispose();
                }
            }

            foreach (var (id, route) in _known)
            {
                if (!current.ContainsKey(id) && route.DrainTimeout is { } timeout)
                {
                    _drains[id] = new Timer(_ => EndDrain(route), null, timeout, Timeout.InfiniteTimeSpan);
                }
            }

            _known = current;
        }

        if (_mayCut)
        {
            CutRemovedDestinations();
        }
    }

    private void EndDrain(TcpRoute route)
    {
        lock (_lock)
        {
            if (!_drains.Remove(route.RouteId, out var drain))
            {
                return;
            }

            drain.Dispose();
        }

        var cut = sessions.CutAll(
            session => session.Route.RouteId.Equals(route.RouteId, StringComparison.OrdinalIgnoreCase), RelayOutcome.Drain);
        if (cut.Count > 0)
        {
            SpliceLog.LeftoversCut(_logger, route.RouteId, route.DrainTimeout!.Value, cut.Count);
        }
    }

    private void CutRemovedDestinations()
    {
        var cut = sessions.CutAll(
            session => session.Route.OnDestinationRemoved == SessionFate.Cut && session.Destination is { } destination &&
                !IsCurrent(session.ClusterId, destination),
            RelayOutcome.DestinationRemoved);
        foreach (var group in cut.GroupBy(static session => (session.ClusterId, session.DestinationId)))
        {
            SpliceLog.DestinationRemoved(_logger, group.Key.DestinationId, group.Key.ClusterId, group.Count());
        }
    }

    /// <summary>Whether the destination is still there, at the address that the session was connected to.</summary>
    private bool IsCurrent(string clusterId, SelectedDestination destination) =>
        state.TryGetCluster(clusterId, out var cluster) &&
        cluster.Destinations.TryGetValue(destination.DestinationId, out var found) &&
        found == destination.State && found.Model.Config.Address == destination.Model.Config.Address;
}
