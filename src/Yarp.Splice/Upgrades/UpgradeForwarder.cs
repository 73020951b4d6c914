using System.Net.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Upgrades;

/// <summary>
/// YARP's forwarder, and around it what makes upgraded connections of marked routes go to the relay. The request and its answer stay YARP's, with
/// transforms, health and counting; where YARP would copy between the two upgraded streams it waits until the session has ended.
/// </summary>
internal sealed class UpgradeForwarder(IHttpForwarder yarp, UpgradeRoutes routes, IRelayEngine relay, UpgradeReports reports) : IHttpForwarder
{
    public ValueTask<ForwarderError> SendAsync(
        HttpContext context, string destinationPrefix, HttpMessageInvoker httpClient, ForwarderRequestConfig requestConfig, HttpTransformer transformer) =>
        SendAsync(context, destinationPrefix, httpClient, requestConfig, transformer, CancellationToken.None);

    public ValueTask<ForwarderError> SendAsync(
        HttpContext context,
        string destinationPrefix,
        HttpMessageInvoker httpClient,
        ForwarderRequestConfig requestConfig,
        HttpTransformer transformer,
        CancellationToken cancellationToken) =>
        FindRoute(context) is { } route
            ? SendUpgradeAsync(route, context, destinationPrefix, httpClient, requestConfig, transformer, cancellationToken)
            : yarp.SendAsync(context, destinationPrefix, httpClient, requestConfig, transformer, cancellationToken);

    /// <summary>The route of a request that asks for an upgrade, if the route wants upgraded connections relayed.</summary>
    private TcpRoute? FindRoute(HttpContext context) =>
        (context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true } ||
            context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true }) &&
        context.Features.Get<IReverseProxyFeature>() is { Route.Config: var config }
            ? routes.Of(config).Upgrades
            : null;

    private async ValueTask<ForwarderError> SendUpgradeAsync(
        TcpRoute route,
        HttpContext context,
        string destinationPrefix,
        HttpMessageInvoker httpClient,
        ForwarderRequestConfig requestConfig,
        HttpTransformer transformer,
        CancellationToken cancellationToken)
    {
        var upgrade = new ConnectionUpgrade(route, context, httpClient, relay, reports);
        var own = context.Features.Get<IHttpUpgradeFeature>();
        context.Features.Set<IHttpUpgradeFeature>(upgrade);
        try
        {
            using var invoker = new HttpMessageInvoker(new UpgradeHandler(upgrade), disposeHandler: true);
            var error = await yarp.SendAsync(context, destinationPrefix, invoker, requestConfig, transformer, cancellationToken);
            if (upgrade.Session is null)
            {
                return error;
            }

            var session = await upgrade.Session;
            context.Features.Set<IRelayedSessionFeature>(new RelayedSessionFeature(session));
            return Report(context, session.Outcome!);
        }
        finally
        {
            context.Features.Set(own);
        }
    }

    /// <summary>How the session ended, in the words in which YARP would have said it, for its health policies and the application's log.</summary>
    private static ForwarderError Report(HttpContext context, string outcome)
    {
        var error = outcome switch
        {
            RelayOutcome.Finished => ForwarderError.None,
            RelayOutcome.UpstreamReset => ForwarderError.UpgradeResponseDestination,
            RelayOutcome.ClientReset => ForwarderError.UpgradeRequestClient,
            RelayOutcome.IdleTimeout or RelayOutcome.HalfCloseTimeout => ForwarderError.UpgradeActivityTimeout,
            _ => ForwarderError.UpgradeRequestCanceled,
        };
        if (error != ForwarderError.None)
        {
            context.Features.Set<IForwarderErrorFeature>(new RelayErrorFeature(error));
        }

        return error;
    }

    private sealed record RelayErrorFeature(ForwarderError Error) : IForwarderErrorFeature
    {
        public Exception? Exception => null;
    }
}
