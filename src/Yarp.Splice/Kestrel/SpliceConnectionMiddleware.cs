using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Transport.Linux;
using Yarp.Splice.Listening;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Managed;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Kestrel;

/// <summary>
/// On Kestrel's endpoints, before TLS: takes the connections that belong to a TCP route out of the pipeline. On a port with server names it looks
/// at the ClientHello first, and what belongs to no route goes on as if nobody had looked.
/// </summary>
internal sealed class SpliceConnectionMiddleware(
    TcpRoutes routes, IRelayEngine relay, ManagedRelay managedRelay, SpliceMetrics metrics, SessionTable sessions, ILoggerFactory loggerFactory)
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);

    public Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (connection.LocalEndPoint is not IPEndPoint local || routes.Current.Find(local) is not { } port)
        {
            return next(connection);
        }

        return port.NeedsServerName ? PrereadAsync(port, connection, next) : RelayAsync(port.Find(null)!, connection, FactsOf(connection));
    }

    private async Task PrereadAsync(TcpPortRoutes port, ConnectionContext connection, ConnectionDelegate next)
    {
        var facts = FactsOf(connection);
        try
        {
            var (isAnswered, serverName) = await ConnectionPreread.ReadServerNameAsync(connection, port);
            facts = facts with { ServerName = serverName };
            metrics.Preread(port.Port, isAnswered, serverName);
            if (!isAnswered)
            {
                sessions.Refused(port.Port, SpliceMetrics.PrereadTimeout, facts);
                SpliceLog.PrereadTimedOut(_logger, port.Port);
                return;
            }
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            metrics.PrereadFailed(port.Port);
            SpliceLog.PrereadFailed(_logger, port.Port, exception);
            return;
        }

        await (port.Find(facts.ServerName) is { } route ? RelayAsync(route, connection, facts) : next(connection));
    }

    private static ClientFacts FactsOf(ConnectionContext connection) =>
        new(connection.RemoteEndPoint) { LocalEndPoint = connection.LocalEndPoint, AcceptedAt = Stopwatch.GetTimestamp() };

    private Task RelayAsync(TcpRoute route, ConnectionContext connection, ClientFacts client) =>
        connection.Features.Get<IConnectionDetachFeature>() is { } detach
            ? DetachAsync(route, detach, client)
            : managedRelay.RunAsync(route, connection, client);

    private async Task DetachAsync(TcpRoute route, IConnectionDetachFeature detach, ClientFacts client)
    {
        try
        {
            using var detached = await detach.DetachAsync();
            var prefix = ProxyHeader.Prepend(route.ProxyProtocol, detached.RemoteEndPoint, detached.LocalEndPoint, detached.UnreadBytes);
            relay.Start(route, detached.Loop, detached.TakeDescriptor(), prefix, client);
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            SpliceLog.DetachFailed(_logger, route.RouteId, exception);
        }
    }
}
