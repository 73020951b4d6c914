using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Transport.Linux;
using Yarp.ReverseProxy.Model;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Upgrades;

/// <summary>Answers a <c>CONNECT</c> request: connects to its target, if the route allows it, and gives both sockets to the relay.</summary>
internal sealed class ConnectTunnel(EventLoopGroup loops, UpgradeRoutes routes, IRelayEngine relay, UpgradeReports reports)
{
    // Kestrel would announce a body, which the answer to a CONNECT has not (RFC 9110, section 9.3.6).
    private static readonly byte[] s_established = "HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray();

    private readonly EventLoopConnector _connector = new(loops);

    public async Task InvokeAsync(HttpContext context)
    {
        var config = context.GetEndpoint()!.Metadata.GetMetadata<RouteModel>()!.Config;
        var upgrades = routes.Of(config);
        var authority = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        if (!ConnectTarget.TryReadRequest(authority, out var endPoint) ||
            context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true })
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }

        var target = upgrades.ConnectTargets.FirstOrDefault(target => target.Allows(endPoint));
        if (target is null)
        {
            reports.TargetRefused(upgrades.Tunnels, authority);
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        if (!HttpProtocol.IsHttp11(context.Request.Protocol) || context.Features.Get<IConnectionDetachFeature>() is not { CanDetach: true } client)
        {
            reports.CannotTunnel(upgrades.Tunnels);
            context.Response.StatusCode = StatusCodes.Status501NotImplemented;
            return;
        }

        using var upstream = await ConnectAsync(context, upgrades.Tunnels, endPoint, target);
        if (upstream is not null)
        {
            await RelayAsync(context, upgrades.Tunnels, client, upstream, target);
        }
    }

    /// <summary>Nothing if the target did not take the connection; the request is answered then.</summary>
    private async Task<DetachedConnection?> ConnectAsync(HttpContext context, TcpRoute route, DnsEndPoint endPoint, ConnectTarget target)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        timeout.CancelAfter(route.ConnectTimeout);
        try
        {
            return await EventLoopConnector.DetachAsync(await _connector.ConnectAsync(endPoint, timeout.Token));
        }
        catch (SocketException exception)
        {
            reports.TargetFailed(route, target, exception.SocketErrorCode.ToString());
            context.Response.StatusCode = StatusCodes.Status502BadGateway;
        }
        catch (OperationCanceledException)
        {
            reports.TargetFailed(route, target, nameof(SocketError.TimedOut));
            context.Response.StatusCode = StatusCodes.Status504GatewayTimeout;
        }

        return null;
    }

    private async Task RelayAsync(
        HttpContext context, TcpRoute route, IConnectionDetachFeature client, DetachedConnection upstream, ConnectTarget target)
    {
        // Its disposal aborts the request, which has had its answer past Kestrel.
        using var downstream = await client.DetachAsync();
        var sockets = new ConnectedSockets
        {
            Loop = downstream.Loop,
            Client = downstream.TakeDescriptor(),
            ToUpstream = downstream.UnreadBytes,
            Upstream = upstream.TakeDescriptor(),
            ToClient = s_established,
            DestinationId = target.ToString(),
            DestinationEndPoint = upstream.RemoteEndPoint,
        };
        reports.Relayed(route, target.ToString());
        var facts = new ClientFacts(downstream.RemoteEndPoint) { LocalEndPoint = downstream.LocalEndPoint };
        var session = await relay.RelayAsync(route, sockets, facts, context.RequestAborted);
        // The answer's head is not the target's.
        session = session with { BytesToClient = Math.Max(0, session.BytesToClient - s_established.Length) };
        context.Features.Set<IRelayedSessionFeature>(new RelayedSessionFeature(session));
    }
}
