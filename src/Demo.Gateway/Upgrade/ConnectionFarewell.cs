using Demo.Gateway.Lifecycle;
using Microsoft.AspNetCore.Connections.Features;

namespace Demo.Gateway.Upgrade;

/// <summary>
/// Once the gateway drains, an answer over HTTP/1.1 is the last of its connection, and a connection of HTTP/2 takes no new streams (GOAWAY), so that
/// clients go elsewhere between two requests and none of them is in one when the connection is closed.
/// </summary>
internal static class ConnectionFarewell
{
    public static void UseFarewell(this WebApplication application, GatewayLifecycle lifecycle) => application.Use((context, next) =>
    {
        if (lifecycle.State == GatewayState.Draining)
        {
            if (HttpProtocol.IsHttp2(context.Request.Protocol) || HttpProtocol.IsHttp3(context.Request.Protocol))
            {
                context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
            }
            else
            {
                context.Response.OnStarting(CloseAfterAnswer, context.Response);
            }
        }

        return next(context);
    });

    private static Task CloseAfterAnswer(object state)
    {
        var response = (HttpResponse)state;
        // A connection that changes its protocol has no next request.
        if (response.StatusCode != StatusCodes.Status101SwitchingProtocols)
        {
            response.Headers.Connection = "close";
        }

        return Task.CompletedTask;
    }
}
