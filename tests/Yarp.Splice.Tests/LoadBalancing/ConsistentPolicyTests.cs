using System.Buffers.Binary;
using System.Net;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Model;
using Yarp.Splice.LoadBalancing;

namespace Yarp.Splice.Tests.LoadBalancing;

/// <summary>SourceIpHash and Maglev: fair, the same for the same client, and hardly changed by the loss of a destination.</summary>
public class ConsistentPolicyTests
{
    private const int Sources = 200_000;

    private static readonly IPAddress[] s_sources = [.. Enumerable.Range(0, Sources).Select(static i => AddressOf(0x0A000000u + (uint)i))];

    public static TheoryData<string> Policies => new(SpliceLoadBalancingPolicies.SourceIpHash, SpliceLoadBalancingPolicies.Maglev);

    [Theory]
    [MemberData(nameof(Policies))]
    public void Equal_weights_get_equal_shares(string name) => AssertShares(name, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);

    [Theory]
    [MemberData(nameof(Policies))]
    public void Shares_follow_the_weights(string name) => AssertShares(name, 1, 2, 3, 10, 4, 0);

    [Theory]
    [MemberData(nameof(Policies))]
    public void A_destination_that_becomes_unhealthy_moves_only_its_own_clients(string name)
    {
        var policy = Create(name);
        var cluster = new TestCluster(name, [.. Enumerable.Repeat(1, 10)]);
        var before = PickAll(policy, cluster);
        cluster.MakeUnavailable(cluster.Destinations[3]);
        var after = PickAll(policy, cluster);
        Assert.DoesNotContain("d3", after);
        for (var i = 0; i < Sources; i++)
        {
            Assert.True(before[i] == after[i] || before[i] == "d3");
        }

        // What it had is spread over all the others.
        var inherited = before.Zip(after).Where(pair => pair.First == "d3").CountBy(static pair => pair.Second).ToArray();
        Assert.Equal(9, inherited.Length);
        Assert.All(inherited, count => Assert.InRange(count.Value, Sources / 90 * 0.85, Sources / 90 * 1.15));

        cluster.MakeUnavailable();
        Assert.Equal(before, PickAll(policy, cluster));
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void A_destination_that_is_removed_moves_at_most_two_in_a_hundred_more_than_its_share(string name)
    {
        var policy = Create(name);
        var cluster = new TestCluster(name, [.. Enumerable.Repeat(1, 10)]);
        var before = PickAll(policy, cluster);
        cluster.Replace(cluster.Destinations.Except([cluster.Destinations[7]]));
        (policy as MaglevPolicy)?.Prepare(cluster.State);
        var after = PickAll(policy, cluster);
        Assert.DoesNotContain("d7", after);
        var moved = before.Zip(after).Count(static pair => pair.First != pair.Second);
        Assert.InRange(moved, Sources * 0.09, Sources * 0.12);
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void A_destination_that_is_added_gets_its_share_and_hardly_anything_else_moves(string name)
    {
        var policy = Create(name);
        var cluster = new TestCluster(name, [.. Enumerable.Repeat(1, 9)]);
        var before = PickAll(policy, cluster);
        var added = TestCluster.Create("new", 1);
        cluster.Replace(cluster.Destinations.Append(added));
        (policy as MaglevPolicy)?.Prepare(cluster.State);
        var after = PickAll(policy, cluster);
        Assert.InRange(after.Count(static id => id == "new"), Sources * 0.095, Sources * 0.105);
        Assert.InRange(before.Zip(after).Count(static pair => pair.First != pair.Second), Sources * 0.09, Sources * 0.12);
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void Another_attempt_goes_where_it_would_if_the_first_destination_were_gone(string name)
    {
        var policy = Create(name);
        var cluster = new TestCluster(name, 1, 1, 2, 3);
        foreach (var source in s_sources.Take(1000))
        {
            var tried = new List<string>();
            for (var i = 0; i < 4; i++)
            {
                var picked = policy.Pick(cluster.State, cluster.Available, source, tried)!;
                Assert.DoesNotContain(picked.DestinationId, tried);
                tried.Add(picked.DestinationId);
            }

            Assert.Null(policy.Pick(cluster.State, cluster.Available, source, tried));
        }

        var afterFailure = policy.Pick(cluster.State, cluster.Available, s_sources[0], [Pick(policy, cluster, s_sources[0])!.DestinationId]);
        cluster.MakeUnavailable(Pick(policy, cluster, s_sources[0])!);
        Assert.Same(afterFailure, Pick(policy, cluster, s_sources[0]));
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void Every_gateway_chooses_alike_whatever_the_order_of_its_list(string name)
    {
        var cluster = new TestCluster(name, 1, 2, 1, 2, 1);
        var ids = PickAll(Create(name), cluster);
        cluster.Replace(cluster.Destinations.Reverse());
        Assert.Equal(ids, PickAll(Create(name), cluster));
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void An_IPv4_address_in_IPv6_form_is_the_same_client(string name)
    {
        var policy = Create(name);
        var cluster = new TestCluster(name, [.. Enumerable.Repeat(1, 10)]);
        Assert.All(s_sources.Take(1000), source => Assert.Same(Pick(policy, cluster, source), Pick(policy, cluster, source.MapToIPv6())));
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void A_request_is_balanced_by_the_address_of_its_connection(string name)
    {
        var policy = Create(name);
        var cluster = new TestCluster(name, [.. Enumerable.Repeat(1, 10)]);
        foreach (var source in s_sources.Take(100))
        {
            var context = new DefaultHttpContext { Connection = { RemoteIpAddress = source } };
            Assert.Same(Pick(policy, cluster, source), policy.PickDestination(context, cluster.State, cluster.Available));
        }
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void Clients_without_an_address_are_spread(string name)
    {
        var policy = Create(name);
        var cluster = new TestCluster(name, 1, 1, 1);
        var picked = Enumerable.Range(0, 300).Select(_ => policy.Pick(cluster.State, cluster.Available, null, [])!.DestinationId).CountBy(static id => id);
        Assert.Equal(3, picked.Count());
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void No_destination_with_a_weight_means_none(string name)
    {
        var policy = Create(name);
        var cluster = new TestCluster(name, 0, 0);
        Assert.Null(Pick(policy, cluster, s_sources[0]));
        Assert.Null(policy.Pick(cluster.State, cluster.Available, null, []));
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void Picking_does_not_allocate(string name)
    {
        var policy = Create(name);
        var cluster = new TestCluster(name, 1, 2, 3);
        PickMany();
        var before = GC.GetAllocatedBytesForCurrentThread();
        PickMany();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void PickMany()
        {
            for (var i = 0; i < 1000; i++)
            {
                _ = Pick(policy, cluster, s_sources[i]);
            }
        }
    }

    [Fact]
    public async Task Maglev_that_was_not_told_of_a_new_destination_learns_it_from_the_list()
    {
        var policy = new MaglevPolicy();
        var cluster = new TestCluster(policy.Name, 1, 1);
        _ = PickAll(policy, cluster);
        var added = TestCluster.Create("new", 1);
        cluster.Replace(cluster.Destinations.Append(added));
        using var patience = new CancellationTokenSource(TestGateway.Patience);
        while (!PickAll(policy, cluster).Contains("new"))
        {
            await Task.Delay(10, patience.Token);
        }
    }

    private static WeightedPolicy Create(string name) =>
        name == SpliceLoadBalancingPolicies.Maglev ? new MaglevPolicy() : new SourceIpHashPolicy();

    private static DestinationState? Pick(WeightedPolicy policy, TestCluster cluster, IPAddress source) =>
        policy.Pick(cluster.State, cluster.Available, source, []);

    // By id: a destination is also a list of itself, which assertions would follow without end.
    private static string[] PickAll(WeightedPolicy policy, TestCluster cluster) =>
        Array.ConvertAll(s_sources, source => Pick(policy, cluster, source)!.DestinationId);

    private static void AssertShares(string name, params int[] weights)
    {
        var cluster = new TestCluster(name, weights);
        var counts = PickAll(Create(name), cluster).CountBy(static id => id).ToDictionary();
        for (var i = 0; i < weights.Length; i++)
        {
            var expected = (double)Sources * weights[i] / weights.Sum();
            Assert.InRange(counts.GetValueOrDefault($"d{i}"), expected * 0.95, expected * 1.05);
        }
    }

    private static IPAddress AddressOf(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return new IPAddress(bytes);
    }
}
