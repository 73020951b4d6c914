using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;
using Yarp.Splice.Limits;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Managed;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Tests;

public class DestinationSelectorTests
{
    private static readonly IPEndPoint s_remote = new(IPAddress.Parse("203.0.113.7"), 40000);
    private static readonly ClientFacts s_client = new(s_remote);

    [Theory]
    [InlineData(null)]
    [InlineData("FirstAlphabetical")]
    [InlineData("Random")]
    [InlineData("RoundRobin")]
    [InlineData("LeastRequests")]
    [InlineData("PowerOfTwoChoices")]
    [InlineData("SourceIpHash")]
    [InlineData("Maglev")]
    [InlineData("WeightedRoundRobin")]
    [InlineData("WeightedLeastRequests")]
    public async Task Every_policy_picks_each_destination_once_when_the_tried_ones_are_left_out(string? policy)
    {
        await using var app = Create(policy).App;
        var (selector, route) = Parts(app.Services);
        var tried = new List<string>();
        while (selector.Select(route, s_client, tried) is { } selected)
        {
            Assert.DoesNotContain(selected.DestinationId, tried);
            Assert.NotNull(selected.Address.EndPoint);
            tried.Add(selected.DestinationId);
        }

        Assert.Equal(["a", "b", "c"], tried.Order());
    }

    [Fact]
    public async Task FirstAlphabetical_takes_the_first_and_RoundRobin_takes_turns()
    {
        await using var first = Create("FirstAlphabetical").App;
        var (selector, route) = Parts(first.Services);
        Assert.All(Enumerable.Range(0, 5), _ => Assert.Equal("a", selector.Select(route, s_client, [])!.DestinationId));

        await using var turns = Create("RoundRobin").App;
        (selector, route) = Parts(turns.Services);
        var picked = Enumerable.Range(0, 9).Select(_ => selector.Select(route, s_client, [])!.DestinationId).CountBy(static id => id);
        Assert.All(picked, static count => Assert.Equal(3, count.Value));
    }

    [Fact]
    public async Task Acquired_sessions_count_for_LeastRequests_until_they_are_released()
    {
        await using var app = Create("LeastRequests").App;
        var (selector, route) = Parts(app.Services);
        var acquired = new List<SelectedDestination>();
        for (var i = 0; i < 3; i++)
        {
            var selected = selector.Select(route, s_client, [])!;
            Assert.True(selector.TryAcquire(selected));
            acquired.Add(selected);
        }

        Assert.Equal(["a", "b", "c"], acquired.Select(static destination => destination.DestinationId).Order());
        Assert.All(acquired, static destination => Assert.Equal(1, destination.State.ConcurrentRequestCount));

        selector.Release(acquired[1]);
        Assert.Equal(acquired[1].DestinationId, selector.Select(route, s_client, [])!.DestinationId);
        Assert.Equal(0, acquired[1].State.ConcurrentRequestCount);
    }

    [Fact]
    public async Task A_policy_of_somebody_else_sees_who_asks_for_what()
    {
        await using var app = Create("Remote", static services => services.AddSingleton<ILoadBalancingPolicy, RemotePolicy>()).App;
        var (selector, route) = Parts(app.Services);
        Assert.Equal("b", selector.Select(route, s_client with { ServerName = "db.example.com" }, [])!.DestinationId);
        Assert.Null(selector.Select(route, new ClientFacts(new IPEndPoint(IPAddress.Loopback, 1)), []));
    }

    [Theory]
    [InlineData("FirstAlphabetical")]
    [InlineData("WeightedRoundRobin")]
    public async Task A_full_destination_is_left_out_and_its_next_place_goes_to_the_one_who_waits(string policy)
    {
        await using var app = Create(policy, metadataOfA: """ "Metadata": { "Splice.MaxConnections": "1" } """).App;
        var (selector, route) = Parts(app.Services);
        var a = selector.Select(route, s_client, ["b", "c"])!;
        Assert.Equal("a", a.DestinationId);
        Assert.True(selector.TryAcquire(a));
        Assert.False(selector.TryAcquire(a));
        Assert.Null(selector.Select(route, s_client, ["b", "c"]));
        Assert.All(Enumerable.Range(0, 6), _ => Assert.NotEqual("a", selector.Select(route, s_client, [])!.DestinationId));

        Assert.Equal(WaitAnswer.NoDestination, selector.TryWait(route, ["a"], client: null));
        var (picky, first, second) = (new ManagedWait(["a"]), new ManagedWait(["b"]), new ManagedWait(["c"]));
        Assert.All([picky, first, second], waiting => Assert.Equal(WaitAnswer.Full, selector.TryWait(route, ["b", "c"], waiting)));

        selector.Release(a);
        Assert.False(picky.Place.IsCompleted);
        Assert.Equal("a", (await first.Place)?.DestinationId);
        Assert.Equal(1, a.State.ConcurrentRequestCount);
        Assert.True(selector.Leave(route, picky));
        Assert.False(selector.Leave(route, first));

        // One that is not available gets nobody.
        Assert.True(app.Services.GetRequiredService<IProxyStateLookup>().TryGetCluster("c", out var cluster));
        cluster.DestinationsState = new ClusterDestinationsState(cluster.DestinationsState.AllDestinations, []);
        selector.Release(a);
        Assert.False(second.Place.IsCompleted);
        Assert.Equal(0, a.State.ConcurrentRequestCount);
    }

    [Fact]
    public async Task Destinations_that_are_not_available_are_not_picked()
    {
        await using var app = Create("FirstAlphabetical").App;
        var (selector, route) = Parts(app.Services);
        Assert.True(app.Services.GetRequiredService<IProxyStateLookup>().TryGetCluster("c", out var cluster));
        var all = cluster.DestinationsState.AllDestinations;
        cluster.DestinationsState = new ClusterDestinationsState(all, [.. all.Where(static destination => destination.DestinationId == "c")]);
        Assert.Equal("c", selector.Select(route, s_client, [])!.DestinationId);
        Assert.Null(selector.Select(route, s_client, ["c"]));
    }

    [Theory]
    [InlineData("FirstAlphabetical")]
    [InlineData("WeightedRoundRobin")]
    [InlineData("SourceIpHash")]
    public async Task A_destination_with_weight_0_gets_no_session_whatever_the_policy(string policy)
    {
        await using var app = Create(policy, metadataOfA: """ "Metadata": { "Weight": "0" } """).App;
        var (selector, route) = Parts(app.Services);
        Assert.All(Enumerable.Range(0, 50), i => Assert.NotEqual("a", selector.Select(route, new ClientFacts(new IPEndPoint(i + 1, 1)), [])!.DestinationId));
        Assert.Null(selector.Select(route, s_client, ["b", "c"]));
    }

    [Theory]
    [InlineData("WeightedRoundRobin", "-1", "is '-1'; accepted is a whole number from 0 (gets nothing new) to 1000.")]
    [InlineData("Maglev", "1001", "is '1001'; accepted is")]
    [InlineData("RoundRobin", "heavy", "is 'heavy'; accepted is")]
    [InlineData("RoundRobin", "3", "is '3', which the load-balancing policy RoundRobin does not look at; accepted with a weight above 1 is LoadBalancingPolicy SourceIpHash, Maglev, WeightedRoundRobin, WeightedLeastRequests.")]
    [InlineData(null, "2", "is '2', which the load-balancing policy PowerOfTwoChoices does not look at")]
    public void A_weight_that_would_not_count_is_refused(string? policy, string weight, string error)
    {
        var exception = Assert.ThrowsAny<Exception>(() => Create(policy, metadataOfA: $$""" "Metadata": { "Weight": "{{weight}}" } """));
        Assert.Contains($"Cluster 'c': Metadata:Weight of destination 'a' {error}", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_weight_that_a_reload_makes_wrong_changes_nothing()
    {
        var gateway = Create("Maglev");
        await using var app = gateway.App;
        gateway.Replace(Json("Maglev", """ "Metadata": { "Weight": "many" } """));
        await gateway.Log.WaitForAsync("The new configuration is not applied, the running one is kept: Cluster 'c': Metadata:Weight of destination 'a' is 'many'");
        var (selector, route) = Parts(app.Services);
        Assert.NotNull(selector.Select(route, s_client, ["b", "c"]));
    }

    private static TestGateway Create(string? policy, Action<IServiceCollection>? configure = null, string metadataOfA = "") =>
        TestGateway.Create(Json(policy, metadataOfA), builder => configure?.Invoke(builder.Services));

    private static string Json(string? policy, string metadataOfA) => $$"""
        { "Routes": { "r": { "ClusterId": "c", "Mode": "Copy", "Match": { "Hosts": [ "*:15432" ] } } },
          "Clusters": { "c": { {{(policy is null ? "" : $"\"LoadBalancingPolicy\": \"{policy}\",")}}
            "Destinations": {
              "a": { "Address": "10.0.0.1:1"{{(metadataOfA.Length > 0 ? ", " : "")}}{{metadataOfA}} },
              "b": { "Address": "10.0.0.2:1" }, "c": { "Address": "10.0.0.3:1" } } } } }
        """;

    private static (IDestinationSelector Selector, TcpRoute Route) Parts(IServiceProvider services) =>
        (services.GetRequiredService<IDestinationSelector>(), Assert.Single(services.GetRequiredService<TcpRoutes>().Current.Routes));

    private sealed class RemotePolicy : ILoadBalancingPolicy
    {
        public string Name => "Remote";

        public DestinationState? PickDestination(HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations) =>
            context.Connection.RemotePort == s_remote.Port && s_remote.Address.Equals(context.Connection.RemoteIpAddress) &&
            context.Connection.LocalPort == 15432 && context.Request.Host.Host == "db.example.com" &&
            context.Features.Get<IReverseProxyFeature>() is { Route.Config.RouteId: "r", Cluster.Config.ClusterId: "c", AvailableDestinations.Count: 3 }
                ? availableDestinations.Single(static destination => destination.DestinationId == "b")
                : null;
    }
}
