using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Yarp.Splice.Limits;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Relay.Managed;

/// <summary>Relays connections that cannot be detached: those of Kestrel's own transport, and all of them where there are no event loops.</summary>
internal sealed class ManagedRelay(
    IDestinationSelector destinations, ConnectionLimits limits, SpliceMetrics metrics, SessionTable table, ILoggerFactory loggerFactory)
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);
    private readonly SessionSet _described = table.NewSet();
    private readonly CounterSet _counters = metrics.NewCounters();
    private readonly ConcurrentDictionary<ManagedSession, Task> _sessions = new();
    private readonly ConcurrentDictionary<string, bool> _saidNotImmune = new(StringComparer.OrdinalIgnoreCase);
    private CancellationToken _deadline;
    private int _cut;

    // Asked, not remembered: Kestrel may hear of the deadline first, and abort the client's connection.
    private bool IsPastDeadline => _deadline.IsCancellationRequested;

    /// <summary>Relays until the session has ended. Does not throw; the caller disposes the connection.</summary>
    public async Task RunAsync(TcpRoute route, ConnectionContext client, ClientFacts facts)
    {
        if (IsPastDeadline || !limits.TryAdmit(route, facts, out var hasPlace))
        {
            return;
        }

        if (route.PauseImmune && _saidNotImmune.TryAdd(route.RouteId, true))
        {
            SpliceLog.NotImmune(_logger, route.RouteId, "the connection cannot leave Kestrel");
        }

        using var session = new ManagedSession(table.NextId(), route, client, facts, destinations, limits, metrics, _counters, _logger)
        {
            IsCut = () => IsPastDeadline,
        };
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _sessions[session] = ended.Task;
        _described.Add(session);
        try
        {
            await session.RunAsync(hasPlace);
        }
        finally
        {
            _described.Remove(session);
            if (session.Outcome == RelayOutcome.Drain)
            {
                Interlocked.Increment(ref _cut);
            }

            _sessions.TryRemove(session, out _);
            if (table.IsObserved)
            {
                table.Ended(session.Describe());
            }

            ended.SetResult();
        }
    }

    /// <summary>
    /// Waits until every session has ended; when the token fires, resets the ones that are left and returns how many. From then on no session begins;
    /// until then they may, and another call waits for those.
    /// </summary>
    public async Task<int> DrainAsync(CancellationToken cancellationToken)
    {
        _deadline = cancellationToken;
        try
        {
            while (!_sessions.IsEmpty)
            {
                await Task.WhenAll(_sessions.Values).WaitAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            var left = _sessions.ToArray();
            foreach (var (session, _) in left)
            {
                session.Abort(RelayOutcome.Drain);
            }

            await Task.WhenAll(left.Select(static session => session.Value));
        }

        return Interlocked.Exchange(ref _cut, 0);
    }
}
