using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Transport.Linux;
using Yarp.Splice.Listening;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Managed;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Kestrel;

/// <summary>
/// On Kestrel's endpoints, before TLS: takes the connections that belong to a TCP route out of the pipeline. On a port with server names it looks
/// at the ClientHello first, and what belongs to no route goes on as if nobody had looked.
/// </summary>
internal sealed class SpliceConnectionMiddleware(
    TcpRoutes routes, IRelayEngine relay, ManagedRelay managedRelay, SpliceMetrics metrics, ILoggerFactory loggerFactory)
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);

    public Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (connection.LocalEndPoint is not IPEndPoint local || routes.Current.Find(local) is not { } port)
        {
            return next(connection);
        }

        return port.NeedsServerName ? PrereadAsync(port, connection, next) : RelayAsync(port.Find(null)!, connection, serverName: null);
    }

    private async Task PrereadAsync(TcpPortRoutes port, ConnectionContext connection, ConnectionDelegate next)
    {
        string? serverName;
        try
        {
            (var isAnswered, serverName) = await ConnectionPreread.ReadServerNameAsync(connection, port);
            if (!isAnswered)
            {
                metrics.Refused(port.Port, SpliceMetrics.PrereadTimeout);
                SpliceLog.PrereadTimedOut(_logger, port.Port);
                return;
            }
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            SpliceLog.PrereadFailed(_logger, port.Port, exception);
            return;
        }

        await (port.Find(serverName) is { } route ? RelayAsync(route, connection, serverName) : next(connection));
    }

    private Task RelayAsync(TcpRoute route, ConnectionContext connection, string? serverName) =>
        connection.Features.Get<IConnectionDetachFeature>() is { } detach ? DetachAsync(route, detach, serverName) : managedRelay.RunAsync(route, connection);

    private async Task DetachAsync(TcpRoute route, IConnectionDetachFeature detach, string? serverName)
    {
        try
        {
            using var detached = await detach.DetachAsync();
            var prefix = ProxyHeader.Prepend(route.ProxyProtocol, detached.RemoteEndPoint, detached.LocalEndPoint, detached.UnreadBytes);
            relay.Start(route, detached.Loop, detached.TakeDescriptor(), prefix, new ClientFacts(detached.RemoteEndPoint, serverName));
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            SpliceLog.DetachFailed(_logger, route.RouteId, exception);
        }
    }
}
