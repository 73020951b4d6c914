using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Managed;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Listening;

/// <summary>Listens with Kestrel's socket transport and relays in managed code, where there are no event loops.</summary>
internal sealed class SocketPortOpener(
    IOptions<SocketTransportOptions> options,
    TcpRoutes routes,
    ManagedRelay relay,
    ConnectionReception reception,
    ConnectionRefusals refusals,
    ILoggerFactory loggerFactory) : IPortOpener
{
    private readonly SocketTransportFactory _factory = new(options, loggerFactory);
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);

    public async ValueTask<IOpenPort> OpenAsync(TcpPort port, IPEndPoint endPoint, CancellationToken cancellationToken)
    {
        var listener = await _factory.BindAsync(endPoint, cancellationToken);
        var opened = new OpenPort(listener, new CancellationTokenSource());
        opened.Accepting = AcceptAsync(port, listener, opened);
        return opened;
    }

    private async Task AcceptAsync(TcpPort port, IConnectionListener listener, OpenPort opened)
    {
        try
        {
            while (await listener.AcceptAsync(CancellationToken.None) is { } connection)
            {
                opened.Enter();
                _ = ServeAsync(port, connection, opened);
            }
        }
        catch (Exception exception)
        {
            SpliceLog.AcceptFailed(_logger, listener.EndPoint, exception);
        }
    }

    private async Task ServeAsync(TcpPort port, ConnectionContext connection, OpenPort opened)
    {
        // Not on the accept loop's turn: a route's first steps may complete synchronously.
        await Task.Yield();
        if (await FindRouteAsync(port, connection, opened.Closed) is { } found)
        {
            await relay.RunAsync(found.Route, connection, found.Client);
        }

        await connection.DisposeAsync();
        await opened.LeaveAsync();
    }

    private async ValueTask<(TcpRoute Route, ClientFacts Client)?> FindRouteAsync(TcpPort port, ConnectionContext connection, CancellationToken closed)
    {
        var client = ConnectionReception.FactsOf(connection);
        IReadOnlyList<string>? protocols = null;
        if (routes.Current.Find(port) is { } current and ({ NeedsClientHello: true } or { TrustedProxies: not null }))
        {
            if (await reception.ReceiveAsync(connection, port, current.TrustedProxies, current.NeedsClientHello, current.PrereadTimeout, closed)
                is not { } received)
            {
                return null;
            }

            (client, protocols) = received;
        }

        var route = routes.Current.Find(port)?.Find(client.ServerName, protocols);
        if (route is null)
        {
            refusals.NoRoute(port, client);
            return null;
        }

        return refusals.IsAdmitted(route, client) ? (route, client) : null;
    }

    /// <summary>A listener, which must outlive its connections: it owns the memory that they receive into.</summary>
    private sealed class OpenPort(IConnectionListener listener, CancellationTokenSource closed) : IOpenPort
    {
        private int _users = 1;

        public EndPoint EndPoint => listener.EndPoint;

        /// <summary>Fires when the port is closed.</summary>
        public CancellationToken Closed => closed.Token;

        public Task Accepting { get; set; } = Task.CompletedTask;

        public void Enter() => Interlocked.Increment(ref _users);

        public ValueTask LeaveAsync() => Interlocked.Decrement(ref _users) == 0 ? listener.DisposeAsync() : ValueTask.CompletedTask;

        public async Task CloseAsync()
        {
            await listener.UnbindAsync();
            await Accepting;
            await closed.CancelAsync();
            await LeaveAsync();
        }
    }
}
