using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.Splice.Relay;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Health;

/// <summary>
/// Tells the passive health policy of a cluster which connections its destinations took and which not. How a session ends later says nothing of the
/// destination's health.
/// </summary>
internal sealed class PassiveHealth(
    IProxyStateLookup state, IEnumerable<IPassiveHealthCheckPolicy> policies, SessionContexts contexts, ILoggerFactory loggerFactory)
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);
    private readonly Dictionary<string, IPassiveHealthCheckPolicy> _policies = policies.ToDictionary(
        static policy => policy.Name, StringComparer.OrdinalIgnoreCase);

    public void Report(TcpRoute route, ClientFacts client, SelectedDestination destination, bool isConnected)
    {
        if (!state.TryGetCluster(route.ClusterId, out var cluster) ||
            cluster.Model.Config.HealthCheck?.Passive is not { Enabled: true } passive ||
            !_policies.TryGetValue(
                string.IsNullOrEmpty(passive.Policy) ? HealthCheckConstants.PassivePolicy.TransportFailureRate : passive.Policy, out var policy))
        {
            return;
        }

        var context = contexts.Create(route, cluster, client);
        if (!isConnected)
        {
            context.Features.Set<IForwarderErrorFeature>(new ConnectErrorFeature());
        }

        try
        {
            policy.RequestProxied(context, cluster, destination.State);
        }
        catch (Exception exception)
        {
            SpliceLog.PassivePolicyFailed(_logger, policy.Name, cluster.ClusterId, exception);
        }
    }
}
