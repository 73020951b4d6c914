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

    /// <summary>Relays until the session has ended. Does not throw; the caller disposes the connection.</summary>
    public async Task RunAsync(TcpRoute route, ConnectionContext client, ClientFacts facts)
    {
        if (!limits.TryAdmit(route, facts, out var hasPlace))
        {
            return;
        }

        if (route.PauseImmune && _saidNotImmune.TryAdd(route.RouteId, true))
        {
            SpliceLog.NotImmune(_logger, route.RouteId, "the connection cannot leave Kestrel");
        }

        using var session = new ManagedSession(table.NextId(), route, client, facts, destinations, limits, metrics, _counters, _logger);
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
            _sessions.TryRemove(session, out _);
            if (table.IsObserved)
            {
                table.Ended(session.Describe());
            }

            ended.SetResult();
        }
    }

    /// <summary>Waits until every session has ended; when the token fires, resets the ones that are left and returns how many.</summary>
    public async Task<int> DrainAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (!_sessions.IsEmpty)
            {
                await Task.WhenAll(_sessions.Values).WaitAsync(cancellationToken);
            }

            return 0;
        }
        catch (OperationCanceledException)
        {
            var left = _sessions.ToArray();
            foreach (var (session, _) in left)
            {
                session.Abort(RelayOutcome.Drain);
            }

            await Task.WhenAll(left.Select(static session => session.Value));
            return left.Length;
        }
    }
}
