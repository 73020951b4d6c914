using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Managed;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Listening;

/// <summary>Listens with Kestrel's socket transport and relays in managed code, where there are no event loops.</summary>
internal sealed class SocketPortOpener(
    IOptions<SocketTransportOptions> options, TcpRoutes routes, ManagedRelay relay, SpliceMetrics metrics,
    SessionTable sessions, ILoggerFactory loggerFactory) : IPortOpener
{
    private readonly SocketTransportFactory _factory = new(options, loggerFactory);
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);

    public async ValueTask<IOpenPort> OpenAsync(TcpPort port, IPEndPoint endPoint, CancellationToken cancellationToken)
    {
        var listener = await _factory.BindAsync(endPoint, cancellationToken);
        return new OpenPort(listener, AcceptAsync(port, listener));
    }

    private async Task AcceptAsync(TcpPort port, IConnectionListener listener)
    {
        try
        {
            while (await listener.AcceptAsync() is { } connection)
            {
                _ = ServeAsync(port, connection);
            }
        }
        catch (Exception exception)
        {
            SpliceLog.AcceptFailed(_logger, listener.EndPoint, exception);
        }
    }

    private async Task ServeAsync(TcpPort port, ConnectionContext connection)
    {
        // Not on the accept loop's turn: a route's first steps may complete synchronously.
        await Task.Yield();
        try
        {
            var facts = new ClientFacts(connection.RemoteEndPoint)
            {
                LocalEndPoint = connection.LocalEndPoint,
                AcceptedAt = Stopwatch.GetTimestamp(),
            };
            (var route, facts) = await FindRouteAsync(port, connection, facts);
            if (route is not null)
            {
                await relay.RunAsync(route, connection, facts);
            }
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            metrics.PrereadFailed(port);
            SpliceLog.PrereadFailed(_logger, port, exception);
        }

        await connection.DisposeAsync();
    }

    private async ValueTask<(TcpRoute? Route, ClientFacts Facts)> FindRouteAsync(TcpPort port, ConnectionContext connection, ClientFacts facts)
    {
        if (routes.Current.Find(port) is not { NeedsServerName: true } named)
        {
            return (routes.Current.Find(port)?.Find(null), facts);
        }

        var (isAnswered, serverName) = await ConnectionPreread.ReadServerNameAsync(connection, named);
        facts = facts with { ServerName = serverName };
        metrics.Preread(port, isAnswered, serverName);
        if (!isAnswered)
        {
            sessions.Refused(port, SpliceMetrics.PrereadTimeout, facts);
            SpliceLog.PrereadTimedOut(_logger, port);
            return (null, facts);
        }

        var route = routes.Current.Find(port)?.Find(serverName);
        if (route is null)
        {
            sessions.Refused(port, SpliceMetrics.NoRoute, facts);
            SpliceLog.NoRoute(_logger, port, serverName);
        }

        return (route, facts);
    }

    private sealed class OpenPort(IConnectionListener listener, Task accepting) : IOpenPort
    {
        public EndPoint EndPoint => listener.EndPoint;

        public async Task CloseAsync()
        {
            await listener.UnbindAsync();
            await accepting;
            await listener.DisposeAsync();
        }
    }
}
