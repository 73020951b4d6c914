using System.Collections.Concurrent;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Sessions;

/// <summary>The counters of one event loop, so that loops don't share what they write to; of all sessions that have none, another one.</summary>
internal sealed class CounterSet
{
    private readonly ConcurrentDictionary<CounterKey, SessionCounters> _counters = new();

    public IEnumerable<KeyValuePair<CounterKey, SessionCounters>> All => _counters;

    /// <param name="route">The route.</param>
    /// <param name="destinationId">The destination; <see langword="null"/> for sessions that are being connected.</param>
    public SessionCounters Of(TcpRoute route, string? destinationId) =>
        _counters.GetOrAdd(new CounterKey(route.RouteId, route.ClusterId, destinationId), static _ => new SessionCounters());
}
