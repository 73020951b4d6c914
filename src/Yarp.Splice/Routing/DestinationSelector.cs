using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;
using Yarp.Splice.LoadBalancing;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Routing;

/// <summary>Picks destinations with YARP's state and load-balancing policies, so that a TCP route balances as an HTTP route would.</summary>
internal sealed class DestinationSelector(
    IProxyStateLookup state, IEnumerable<ILoadBalancingPolicy> policies, SessionContexts contexts, ILoggerFactory loggerFactory)
    : IDestinationSelector
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);
    private readonly Dictionary<string, ILoadBalancingPolicy> _policies = policies.ToDictionary(
        static policy => policy.Name, StringComparer.OrdinalIgnoreCase);

    // YARP's lists are replaced when something changes.
    private readonly ConditionalWeakTable<IReadOnlyList<DestinationState>, IReadOnlyList<DestinationState>> _usable = [];

    // A destination's model is replaced when its address changes.
    private readonly ConditionalWeakTable<DestinationModel, ParsedAddress> _addresses = [];

    public SelectedDestination? Select(TcpRoute route, ClientFacts client, IReadOnlyCollection<string> tried)
    {
        if (!state.TryGetCluster(route.ClusterId, out var cluster))
        {
            return null;
        }

        var name = cluster.Model.Config.LoadBalancingPolicy;
        if (!_policies.TryGetValue(string.IsNullOrEmpty(name) ? LoadBalancingPolicies.PowerOfTwoChoices : name, out var policy))
        {
            // YARP's validator accepts only names of registered policies.
            return null;
        }

        var picked = policy is WeightedPolicy weighted
            ? Pick(weighted, cluster, client, tried)
            : Pick(policy, route, cluster, client, tried);
        return picked is null ? null : new SelectedDestination(picked, AddressOf(picked)!);
    }

    public void Acquire(SelectedDestination destination) => DestinationConcurrency.Increment(destination.State);

    public void Release(SelectedDestination destination) => DestinationConcurrency.Decrement(destination.State);

    private DestinationState? Pick(WeightedPolicy policy, ClusterState cluster, ClientFacts client, IReadOnlyCollection<string> tried)
    {
        var source = (client.RemoteEndPoint as IPEndPoint)?.Address;
        var available = cluster.DestinationsState.AvailableDestinations;
        while (policy.Pick(cluster, available, source, tried) is { } picked)
        {
            if (AddressOf(picked) is not null)
            {
                return picked;
            }

            tried = [.. tried, picked.DestinationId];
        }

        return null;
    }

    private DestinationState? Pick(
        ILoadBalancingPolicy policy, TcpRoute route, ClusterState cluster, ClientFacts client, IReadOnlyCollection<string> tried)
    {
        var available = cluster.DestinationsState.AvailableDestinations;
        if (!_usable.TryGetValue(available, out var usable))
        {
            usable = _usable.GetValue(available, WithoutUnusable);
        }

        if (tried.Count > 0)
        {
            usable = [.. usable.Where(destination => !tried.Contains(destination.DestinationId))];
        }

        if (usable.Count < 2)
        {
            return usable.Count == 0 ? null : usable[0];
        }

        // YARP's own policies do not look at the request; others get one that says who asks for what.
        var context = policy.GetType().Assembly == typeof(ILoadBalancingPolicy).Assembly ? null : contexts.Create(route, cluster, client);
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

    /// <summary>The same list if all can be used, as nearly always.</summary>
    private IReadOnlyList<DestinationState> WithoutUnusable(IReadOnlyList<DestinationState> destinations)
    {
        return destinations.All(IsUsable) ? destinations : [.. destinations.Where(IsUsable)];

        bool IsUsable(DestinationState destination) =>
            AddressOf(destination) is not null && DestinationWeight.Of(destination.Model.Config) > 0;
    }

    private DestinationAddress? AddressOf(DestinationState destination)
    {
        var model = destination.Model;
        if (_addresses.TryGetValue(model, out var parsed))
        {
            return parsed.Address;
        }

        if (!DestinationAddress.TryParse(model.Config.Address, out var address, out var error))
        {
            // The filter has refused what stood in the configuration; this came from a destination resolver.
            SpliceLog.DestinationUnusable(_logger, destination.DestinationId, error);
        }

        return _addresses.GetValue(model, _ => new ParsedAddress(address)).Address;
    }

    private sealed record ParsedAddress(DestinationAddress? Address);
}
