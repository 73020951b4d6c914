using System.Collections.Concurrent;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;
using Yarp.Splice.Health;
using Yarp.Splice.Limits;
using Yarp.Splice.LoadBalancing;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Routing;

/// <summary>Picks destinations with YARP's state and load-balancing policies, so that a TCP route balances as an HTTP route would.</summary>
internal sealed class DestinationSelector(
    IProxyStateLookup state, IEnumerable<ILoadBalancingPolicy> policies, SessionContexts contexts, PassiveHealth passiveHealth, ILoggerFactory loggerFactory)
    : IDestinationSelector
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);
    private readonly Dictionary<string, ILoadBalancingPolicy> _policies = policies.ToDictionary(
        static policy => policy.Name, StringComparer.OrdinalIgnoreCase);

    // YARP's lists are replaced when something changes.
    private readonly ConditionalWeakTable<IReadOnlyList<DestinationState>, IReadOnlyList<DestinationState>> _usable = [];

    // A destination's model is replaced when its address changes.
    private readonly ConditionalWeakTable<DestinationModel, ParsedDestination> _parsed = [];

    private readonly ConditionalWeakTable<IReadOnlyList<DestinationState>, SelectedDestination[]> _limited = [];

    // By the cluster's id: those who wait stay in line while the configuration changes.
    private readonly ConcurrentDictionary<string, DestinationPlaces> _places = new(StringComparer.OrdinalIgnoreCase);

    public SelectedDestination? Select(TcpRoute route, ClientFacts client, IReadOnlyCollection<string> tried)
    {
        if (!state.TryGetCluster(route.ClusterId, out var cluster))
        {
            return null;
        }

        tried = WithFull(cluster, tried);
        var name = cluster.Model.Config.LoadBalancingPolicy;
        if (!_policies.TryGetValue(string.IsNullOrEmpty(name) ? LoadBalancingPolicies.PowerOfTwoChoices : name, out var policy))
        {
            // YARP's validator accepts only names of registered policies.
            return null;
        }

        var picked = policy is WeightedPolicy weighted
            ? Pick(weighted, cluster, client, tried)
            : Pick(policy, route, cluster, client, tried);
        return picked is null ? null : Describe(cluster, picked);
    }

    public bool TryAcquire(SelectedDestination destination)
    {
        if (destination.MaxConnections is not null)
        {
            return PlacesOf(destination.ClusterId).TryTake(destination);
        }

        DestinationConcurrency.Increment(destination.State);
        return true;
    }

    public WaitAnswer TryWait(TcpRoute route, IReadOnlyCollection<string> tried, IWaitingClient? client)
    {
        if (!state.TryGetCluster(route.ClusterId, out var cluster))
        {
            return WaitAnswer.NoDestination;
        }

        SelectedDestination[] full = [.. LimitedOf(cluster).Where(destination => !tried.Contains(destination.DestinationId))];
        return full.Length == 0 ? WaitAnswer.NoDestination
            : PlacesOf(route.ClusterId).TryWait(full, client) ? WaitAnswer.Full
            : WaitAnswer.PickAgain;
    }

    public bool Leave(TcpRoute route, IWaitingClient client) => PlacesOf(route.ClusterId).Leave(client);

    public void Release(SelectedDestination destination)
    {
        if (destination.MaxConnections is null)
        {
            DestinationConcurrency.Decrement(destination.State);
            return;
        }

        // One that is unhealthy by now, or no longer configured, gets nobody who waits.
        var isAvailable = state.TryGetCluster(destination.ClusterId, out var cluster) &&
            cluster.DestinationsState.AvailableDestinations.Contains(destination.State);
        PlacesOf(destination.ClusterId).Release(destination, isAvailable);
    }

    private DestinationPlaces PlacesOf(string clusterId) => _places.GetOrAdd(clusterId, static _ => new DestinationPlaces());

    /// <summary>The available destinations that have a limit and can be used: usually none.</summary>
    private SelectedDestination[] LimitedOf(ClusterState cluster)
    {
        var available = cluster.DestinationsState.AvailableDestinations;
        return _limited.TryGetValue(available, out var limited) ? limited : _limited.GetValue(available, destinations =>
        [
            .. WithoutUnusable(destinations).Select(destination => Describe(cluster, destination))
                .Where(static destination => destination.MaxConnections is not null),
        ]);
    }

    /// <summary>Adds those that are full to those that were tried.</summary>
    private IReadOnlyCollection<string> WithFull(ClusterState cluster, IReadOnlyCollection<string> tried)
    {
        foreach (var destination in LimitedOf(cluster))
        {
            if (destination.IsFull)
            {
                tried = [.. tried, destination.DestinationId];
            }
        }

        return tried;
    }

    private SelectedDestination Describe(ClusterState cluster, DestinationState destination) => new(destination, AddressOf(destination)!)
    {
        ClusterId = cluster.ClusterId,
        MaxConnections = _parsed.TryGetValue(destination.Model, out var parsed) ? parsed.MaxConnections : null,
    };

    public void Report(TcpRoute route, ClientFacts client, SelectedDestination destination, bool isConnected) =>
        passiveHealth.Report(route, client, destination, isConnected);

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
        if (_parsed.TryGetValue(model, out var parsed))
        {
            return parsed.Address;
        }

        if (!DestinationAddress.TryParse(model.Config.Address, out var address, out var error))
        {
            // The filter has refused what stood in the configuration; this came from a destination resolver.
            SpliceLog.DestinationUnusable(_logger, destination.DestinationId, error);
        }

        _ = DestinationLimit.TryRead(model.Config, out var maxConnections, out _);
        return _parsed.GetValue(model, _ => new ParsedDestination(address, maxConnections)).Address;
    }

    private sealed record ParsedDestination(DestinationAddress? Address, int? MaxConnections);
}
