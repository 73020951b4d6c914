using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Transport.Linux;
using Yarp.Splice.Listening;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Managed;
using Yarp.Splice.Routing;
using Yarp.Splice.Sources;

namespace Yarp.Splice.Kestrel;

/// <summary>
/// On Kestrel's endpoints, before TLS: takes the connections that belong to a TCP route out of the pipeline. On a port with server names it looks
/// at the ClientHello first, and what belongs to no route goes on as if nobody had looked. Where connections begin with a PROXY protocol header, it takes
/// that off, and everybody after it sees the client's address.
/// </summary>
internal sealed class SpliceConnectionMiddleware(
    TcpRoutes routes,
    IRelayEngine relay,
    ManagedRelay managedRelay,
    ConnectionReception reception,
    ConnectionRefusals refusals,
    ILoggerFactory loggerFactory)
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);

    /// <param name="connection">The connection.</param>
    /// <param name="next">The rest of the endpoint's pipeline.</param>
    /// <param name="trustedProxies">Whose connections to the endpoint begin with a PROXY protocol header; if it does not say, the port's routes may.</param>
    public Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next, AddressSet? trustedProxies)
    {
        if (connection.LocalEndPoint is not IPEndPoint local)
        {
            return next(connection);
        }

        var port = routes.Current.Find(local);
        trustedProxies ??= port?.TrustedProxies;
        if (trustedProxies is not null || port is { NeedsClientHello: true })
        {
            return ReceiveAsync(port, local, trustedProxies, connection, next);
        }

        return port is null ? next(connection) : RelayAsync(port.Find(null)!, connection, ConnectionReception.FactsOf(connection));
    }

    private async Task ReceiveAsync(
        TcpPortRoutes? routesOfPort, IPEndPoint local, AddressSet? trustedProxies, ConnectionContext connection, ConnectionDelegate next)
    {
        var received = await reception.ReceiveAsync(
            connection,
            routesOfPort?.Port ?? new TcpPort(local.Port, null),
            trustedProxies,
            routesOfPort is { NeedsClientHello: true },
            routesOfPort?.PrereadTimeout ?? TcpRoute.DefaultPrereadTimeout);
        if (received is var (client, protocols))
        {
            await (routesOfPort?.Find(client.ServerName, protocols) is { } route ? RelayAsync(route, connection, client) : next(connection));
        }
    }

    private Task RelayAsync(TcpRoute route, ConnectionContext connection, ClientFacts client)
    {
        if (!refusals.IsAdmitted(route, client))
        {
            return Task.CompletedTask;
        }

        return connection.Features.Get<IConnectionDetachFeature>() is { } detach
            ? DetachAsync(route, detach, client)
            : managedRelay.RunAsync(route, connection, client);
    }

    private async Task DetachAsync(TcpRoute route, IConnectionDetachFeature detach, ClientFacts client)
    {
        try
        {
            using var detached = await detach.DetachAsync();
            var prefix = ProxyHeader.Prepend(route.ProxyProtocol, client.RemoteEndPoint, client.LocalEndPoint, detached.UnreadBytes);
            relay.Start(route, detached.Loop, detached.TakeDescriptor(), prefix, client);
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            SpliceLog.DetachFailed(_logger, route.RouteId, exception);
        }
    }
}
