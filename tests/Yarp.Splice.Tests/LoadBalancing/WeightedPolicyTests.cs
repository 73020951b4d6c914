using Yarp.ReverseProxy.Model;
using Yarp.Splice.LoadBalancing;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Tests.LoadBalancing;

/// <summary>WeightedRoundRobin and WeightedLeastRequests.</summary>
public class WeightedPolicyTests
{
    [Fact]
    public void WeightedRoundRobin_takes_turns_exactly_by_weight_and_evenly_spread()
    {
        var policy = new WeightedRoundRobinPolicy();
        var cluster = new TestCluster(policy.Name, 5, 1, 1);
        var turns = string.Concat(Enumerable.Range(0, 14).Select(_ => Pick(policy, cluster)!.DestinationId[1..]));
        Assert.Equal("00102000010200", turns);
    }

    [Fact]
    public void WeightedRoundRobin_from_many_threads_is_still_exact()
    {
        var policy = new WeightedRoundRobinPolicy();
        var cluster = new TestCluster(policy.Name, 1, 3, 0, 6);
        var counts = ParallelEnumerable.Range(0, 10_000).Select(_ => Pick(policy, cluster)!.DestinationId).ToArray().CountBy(static id => id).ToDictionary();
        Assert.Equal((1000, 3000, 6000), (counts["d0"], counts["d1"], counts["d3"]));
        Assert.DoesNotContain("d2", counts.Keys);
    }

    [Fact]
    public void WeightedRoundRobin_another_attempt_leaves_out_what_was_tried()
    {
        var policy = new WeightedRoundRobinPolicy();
        var cluster = new TestCluster(policy.Name, 100, 1);
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal("d1", policy.Pick(cluster.State, cluster.Available, null, ["d0"])!.DestinationId);
        }

        Assert.Null(policy.Pick(cluster.State, cluster.Available, null, ["d0", "d1"]));
    }

    [Fact]
    public void WeightedLeastRequests_fills_destinations_in_proportion_to_their_weights()
    {
        var policy = new WeightedLeastRequestsPolicy();
        var cluster = new TestCluster(policy.Name, 1, 2, 5, 0);
        for (var i = 0; i < 80; i++)
        {
            DestinationConcurrency.Increment(Pick(policy, cluster)!);
        }

        Assert.Equal([10, 20, 50, 0], cluster.Destinations.Select(static destination => destination.ConcurrentRequestCount));
        for (var i = 0; i < 5; i++)
        {
            DestinationConcurrency.Decrement(cluster.Destinations[0]);
        }

        Assert.Same(cluster.Destinations[0], Pick(policy, cluster));
    }

    [Fact]
    public void WeightedLeastRequests_idle_destinations_of_equal_weight_take_turns()
    {
        var policy = new WeightedLeastRequestsPolicy();
        var cluster = new TestCluster(policy.Name, 1, 1, 1);
        var counts = Enumerable.Range(0, 300).Select(_ => Pick(policy, cluster)!.DestinationId).CountBy(static id => id);
        Assert.All(counts, static count => Assert.Equal(100, count.Value));
    }

    private static DestinationState? Pick(WeightedPolicy policy, TestCluster cluster) => policy.Pick(cluster.State, cluster.Available, null, []);
}
