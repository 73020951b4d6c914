using Demo.Gateway.Configuration;
using Demo.Gateway.Errors;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;
using Yarp.Splice.Relay;

namespace Demo.Gateway.Hosting;

/// <summary>
/// Says which routes fail to forward requests, and why, once for each route and reason in a while: YARP itself says it for each request, with a stack trace,
/// so that whoever sends requests fills the log of a gateway whose upstream is down.
/// </summary>
internal static class ForwardingLog
{
    /// <summary>YARP's messages about single requests; who wants them sets the level of this category.</summary>
    public const string LevelOfYarp = "Logging:LogLevel:Yarp.ReverseProxy.Forwarder";

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(10);

    public static void UseForwardingLog(this WebApplication application)
    {
        var logger = application.Services.GetRequiredService<ILoggerFactory>().CreateLogger(GatewayLog.Category);
        var notices = new ThrottledNotice(s_interval);
        application.Use(async (context, next) =>
        {
            await next(context);
            if (context.GetForwarderErrorFeature() is { } failure && !IsClients(failure.Error) && context.Features.Get<IReverseProxyFeature>() is { } proxied &&
                notices.ShouldSay($"{proxied.Route.Config.RouteId} {failure.Error}", out var unsaid))
            {
                GatewayLog.ForwardingFailed(
                    logger, proxied.Route.Config.RouteId, failure.Error, proxied.ProxiedDestination?.DestinationId,
                    failure.Exception is { } exception ? SingleLine.Of(exception.Message) : "no reason is given", unsaid);
            }
        });
    }

    /// <summary>Whether it was the client that went, or that sent what cannot be forwarded.</summary>
    private static bool IsClients(ForwarderError error) => error is ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled
        or ForwarderError.RequestBodyClient or ForwarderError.ResponseBodyCanceled or ForwarderError.ResponseBodyClient
        or ForwarderError.UpgradeRequestCanceled or ForwarderError.UpgradeRequestClient or ForwarderError.UpgradeResponseCanceled
        or ForwarderError.UpgradeResponseClient;
}
