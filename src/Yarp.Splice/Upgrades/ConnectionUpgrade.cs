using System.Net;
using System.Net.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.Http;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Upgrades;

/// <summary>
/// One request for an upgrade on its way through YARP. Once the destination has agreed, and the client was told so, both sockets are taken out
/// of Kestrel and of the HTTP client, with what those have buffered, and given to the relay. Where that cannot be, YARP copies as it always does.
/// </summary>
internal sealed class ConnectionUpgrade(
    TcpRoute route, HttpContext context, HttpMessageInvoker client, IRelayEngine relay, UpgradeReports reports) : IHttpUpgradeFeature
{
    private readonly IHttpUpgradeFeature? _kestrel = context.Features.Get<IHttpUpgradeFeature>();
    private Stream? _upstreamStream;

    /// <summary>The session, once it has ended; <see langword="null"/> if there is none.</summary>
    public Task<SessionRecord>? Session { get; private set; }

    bool IHttpUpgradeFeature.IsUpgradableRequest => _kestrel is { IsUpgradableRequest: true };

    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        UpgradeProtocols.Offer(context.Request, request);
        var response = await client.SendAsync(request, cancellationToken);
        var isUpgraded = response.StatusCode == HttpStatusCode.SwitchingProtocols ||
            (response.StatusCode == HttpStatusCode.OK && request.Method == HttpMethod.Connect);
        if (!isUpgraded)
        {
            return response;
        }

        if ((ClientObstacle() ?? UpstreamObstacle(request, response)) is { } obstacle)
        {
            reports.StaysManaged(route, obstacle);
            return response;
        }

        _upstreamStream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var content = new StreamContent(new RelayedStream(SessionEndAsync, replaced: _upstreamStream));
        foreach (var (name, values) in response.Content.Headers.NonValidated)
        {
            content.Headers.TryAddWithoutValidation(name, values);
        }

        response.Content = content;
        return response;
    }

    async Task<Stream> IHttpUpgradeFeature.UpgradeAsync()
    {
        // Sends the response.
        var stream = await _kestrel!.UpgradeAsync();
        if (_upstreamStream is null)
        {
            return stream;
        }

        using var upstream = await EventLoopConnector.DetachAsync(_upstreamStream);
        var downstream = await DetachClientAsync(upstream);
        var sockets = new ConnectedSockets
        {
            Loop = downstream.Loop,
            Client = downstream.TakeDescriptor(),
            ToUpstream = downstream.UnreadBytes,
            Upstream = upstream.TakeDescriptor(),
            ToClient = upstream.UnreadBytes,
            DestinationId = context.GetReverseProxyFeature().ProxiedDestination!.DestinationId,
            DestinationEndPoint = upstream.RemoteEndPoint,
        };
        var facts = new ClientFacts(downstream.RemoteEndPoint) { LocalEndPoint = downstream.LocalEndPoint };
        Session = relay.RelayAsync(route, sockets, facts, context.RequestAborted);
        reports.Relayed(route, context.Response.Headers.Upgrade.ToString());
        return new RelayedStream(SessionEndAsync, replaced: null);
    }

    /// <summary>
    /// The result is not to be disposed, which would abort the request: Kestrel ends the connection itself, once the request has ended with the
    /// session.
    /// </summary>
    private async Task<DetachedConnection> DetachClientAsync(DetachedConnection upstream)
    {
        try
        {
            return await context.Features.Get<IConnectionDetachFeature>()!.DetachAsync();
        }
        catch (Exception)
        {
            // The client has gone with a reset, or was aborted: so the destination gets one, too.
            var descriptor = upstream.TakeDescriptor();
            _ = SocketCalls.SetLingerZero(descriptor);
            _ = SocketCalls.Close(descriptor);
            throw;
        }
    }

    private Task SessionEndAsync() => Session ?? Task.CompletedTask;

    /// <summary>Why the client's socket cannot be had.</summary>
    private string? ClientObstacle()
    {
        if (!HttpProtocol.IsHttp11(context.Request.Protocol))
        {
            return "the client speaks HTTP/2 or HTTP/3";
        }

        if (context.Request.IsHttps)
        {
            return "the client's connection is encrypted";
        }

        if (context.Features.Get<IConnectionDetachFeature>() is not { CanDetach: true })
        {
            return "the client's connection is not on an event loop, or connection middleware has a stream of its own over it";
        }

        // Such as YARP's WebSocket telemetry.
        return _kestrel is IRelayableUpgradeFeature || _kestrel!.GetType().Assembly == typeof(KestrelServer).Assembly ? null : "middleware of the application reads the upgraded stream";
    }

    /// <summary>Why the destination's socket cannot be had.</summary>
    private string? UpstreamObstacle(HttpRequestMessage request, HttpResponseMessage response)
    {
        if (response.Version != HttpVersion.Version11)
        {
            return "the destination speaks HTTP/2";
        }

        if (request.RequestUri!.Scheme != Uri.UriSchemeHttp)
        {
            return "the destination's connection is encrypted";
        }

        return EventLoopHttpClientFactory.IsOnEventLoops(client)
            ? null
            : "the destination's connection is not on an event loop (an HTTP client of the application, or HttpDestinationsOnEventLoops is off)";
    }
}
