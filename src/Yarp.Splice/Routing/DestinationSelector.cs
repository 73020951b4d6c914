using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Routing;

/// <summary>Picks destinations with YARP's state and load-balancing policies, so that a TCP route balances as an HTTP route would.</summary>
internal sealed class DestinationSelector(
    IProxyStateLookup state, IEnumerable<ILoadBalancingPolicy> policies, ILoggerFactory loggerFactory)
    : IDestinationSelector
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);
    private readonly Dictionary<string, ILoadBalancingPolicy> _policies = policies.ToDictionary(
        static policy => policy.Name, StringComparer.OrdinalIgnoreCase);

    // A destination's model is replaced when its address changes.
    private readonly ConditionalWeakTable<DestinationModel, ParsedAddress> _addresses = [];

    public SelectedDestination? Select(TcpRoute route, ClientFacts client, IReadOnlyCollection<string> tried)
    {
        if (!state.TryGetCluster(route.ClusterId, out var cluster))
        {
            return null;
        }

        var usable = Usable(cluster, tried);
        var picked = usable.Count switch
        {
            0 => null,
            1 => usable[0],
            _ => Pick(route, cluster, usable, client),
        };
        return picked is not null && AddressOf(picked) is { } address ? new SelectedDestination(picked, address) : null;
    }

    public void Acquire(SelectedDestination destination) => DestinationConcurrency.Increment(destination.State);

    public void Release(SelectedDestination destination) => DestinationConcurrency.Decrement(destination.State);

    private IReadOnlyList<DestinationState> Usable(ClusterState cluster, IReadOnlyCollection<string> tried)
    {
        var available = cluster.DestinationsState.AvailableDestinations;
        foreach (var destination in available)
        {
            if (!IsUsable(destination))
            {
                return [.. available.Where(IsUsable)];
            }
        }

        return available;

        bool IsUsable(DestinationState destination) =>
            !(tried.Count > 0 && tried.Contains(destination.DestinationId)) && AddressOf(destination) is not null;
    }

    private DestinationState? Pick(TcpRoute route, ClusterState cluster, IReadOnlyList<DestinationState> usable, ClientFacts client)
    {
        var name = cluster.Model.Config.LoadBalancingPolicy;
        if (!_policies.TryGetValue(string.IsNullOrEmpty(name) ? LoadBalancingPolicies.PowerOfTwoChoices : name, out var policy))
        {
            // YARP's validator accepts only names of registered policies.
            return null;
        }

        // YARP's own policies do not look at the request; others get one that says who asks.
        var context = policy.GetType().Assembly == typeof(ILoadBalancingPolicy).Assembly ? null : CreateContext(client);
        try
        {
            return policy.PickDestination(context!, cluster, usable);
        }
        catch (Exception exception)
        {
            SpliceLog.PolicyFailed(_logger, policy.Name, cluster.ClusterId, route.RouteId, exception);
            return null;
        }
    }

    private static DefaultHttpContext CreateContext(ClientFacts client)
    {
        var context = new DefaultHttpContext();
        if (client.RemoteEndPoint is IPEndPoint remote)
        {
            context.Connection.RemoteIpAddress = remote.Address;
            context.Connection.RemotePort = remote.Port;
        }

        return context;
    }

    private DestinationAddress? AddressOf(DestinationState destination) =>
        _addresses.GetValue(destination.Model, model =>
        {
            if (!DestinationAddress.TryParse(model.Config.Address, out var address, out var error))
            {
                // The filter has refused what stood in the configuration; this came from a destination resolver.
                SpliceLog.DestinationUnusable(_logger, destination.DestinationId, error);
            }

            return new ParsedAddress(address);
        }).Address;

    private sealed record ParsedAddress(DestinationAddress? Address);
}
