using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;
using Yarp.Splice;

namespace Demo.Gateway.AccessLog;

/// <summary>Middleware that logs each HTTP request when it is over, whatever answered it.</summary>
internal static class HttpLogging
{
    private const string ClientLeft = "client_left";

    public static void UseAccessLog(this WebApplication application, AccessLogWriter log) =>
        application.Use(async (context, next) =>
        {
            var startedAt = Stopwatch.GetTimestamp();
            var firstByteAt = 0L;
            var request = new CountingStream(context.Request.Body);
            var response = new CountingStream(context.Response.Body, () => firstByteAt = Stopwatch.GetTimestamp());
            var upgrade = context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true } feature ? new CountingUpgrade(feature) : null;
            context.Request.Body = request;
            var body = new CountingResponseBody(response, context.Features.GetRequiredFeature<IHttpResponseBodyFeature>());
            context.Features.Set<IHttpResponseBodyFeature>(body);
            if (upgrade is not null)
            {
                context.Features.Set<IHttpUpgradeFeature>(upgrade);
            }

            try
            {
                await next(context);
                await body.FinishAsync();
            }
            finally
            {
                var duration = Stopwatch.GetElapsedTime(startedAt);
                var proxied = context.Features.Get<IReverseProxyFeature>();
                var session = context.Features.Get<IRelayedSessionFeature>()?.Session;
                log.OnEnded(new HttpExchange
                {
                    StartedAt = DateTimeOffset.UtcNow - duration,
                    ClientEndPoint = EndPointOf(context.Connection.RemoteIpAddress, context.Connection.RemotePort),
                    LocalEndPoint = EndPointOf(context.Connection.LocalIpAddress, context.Connection.LocalPort),
                    Method = context.Request.Method,
                    Target = context.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "",
                    Protocol = context.Request.Protocol,
                    Host = context.Request.Host.Value ?? "",
                    Status = context.Response.StatusCode,
                    BytesToUpstream = request.BytesRead + (upgrade?.Stream?.BytesRead ?? 0) + (session?.BytesToUpstream ?? 0),
                    BytesToClient = response.BytesWritten + (upgrade?.Stream?.BytesWritten ?? 0) + (session?.BytesToClient ?? 0),
                    FirstByteTime = firstByteAt == 0 ? null : Stopwatch.GetElapsedTime(startedAt, firstByteAt),
                    Duration = duration,
                    RouteId = proxied?.Route.Config.RouteId,
                    ClusterId = proxied?.Cluster?.Config.ClusterId,
                    DestinationId = proxied?.ProxiedDestination?.DestinationId,
                    Session = session,
                    Outcome = session?.Outcome ?? OutcomeOf(context, response.BytesWritten),
                });
            }
        });

    private static IPEndPoint? EndPointOf(IPAddress? address, int port) => address is null ? null : new IPEndPoint(address, port);

    private static string OutcomeOf(HttpContext context, long bytesWritten) => context.Features.Get<IForwarderErrorFeature>() switch
    {
        _ when context.RequestAborted.IsCancellationRequested => ClientLeft,
        { Error: not ForwarderError.None and var error } => error.ToString(),
        _ when IsCutShort(context, bytesWritten) => ClientLeft,
        _ => "finished",
    };

    /// <summary>Whether a body is shorter than it was to be. Kestrel says that the client has left some time after writes to it go nowhere.</summary>
    private static bool IsCutShort(HttpContext context, long bytesWritten) =>
        context.Response.ContentLength > bytesWritten
        && !HttpMethods.IsHead(context.Request.Method)
        && context.Response.StatusCode is not (StatusCodes.Status304NotModified or StatusCodes.Status204NoContent);

    /// <summary>An upgraded connection (WebSocket over HTTP/1.1) moves its bytes past the bodies; a relayed one past this, too.</summary>
    private sealed class CountingUpgrade(IHttpUpgradeFeature inner) : IRelayableUpgradeFeature
    {
        public bool IsUpgradableRequest => inner.IsUpgradableRequest;

        public CountingStream? Stream { get; private set; }

        public async Task<Stream> UpgradeAsync() => Stream = new CountingStream(await inner.UpgradeAsync());
    }
}
