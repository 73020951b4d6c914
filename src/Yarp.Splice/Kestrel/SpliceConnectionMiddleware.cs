using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Transport.Linux;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Managed;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Kestrel;

/// <summary>On Kestrel's endpoints, before TLS: takes the connections of ports that belong to a TCP route out of the pipeline.</summary>
internal sealed class SpliceConnectionMiddleware(
    TcpRoutes routes, IRelayEngine relay, ManagedRelay managedRelay, ILoggerFactory loggerFactory)
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);

    public Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (connection.LocalEndPoint is not IPEndPoint local || routes.Current.Find(local) is not { } route)
        {
            return next(connection);
        }

        return connection.Features.Get<IConnectionDetachFeature>() is { } detach
            ? DetachAsync(route, detach)
            : managedRelay.RunAsync(route, connection);
    }

    private async Task DetachAsync(TcpRoute route, IConnectionDetachFeature detach)
    {
        try
        {
            using var detached = await detach.DetachAsync();
            relay.Start(route, detached.Loop, detached.TakeDescriptor(), detached.UnreadBytes, detached.RemoteEndPoint);
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            SpliceLog.DetachFailed(_logger, route.RouteId, exception);
        }
    }
}
