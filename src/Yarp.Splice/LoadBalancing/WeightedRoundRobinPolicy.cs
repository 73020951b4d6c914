using System.Net;
using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.LoadBalancing;

/// <summary><see cref="SpliceLoadBalancingPolicies.WeightedRoundRobin"/>.</summary>
internal sealed class WeightedRoundRobinPolicy : WeightedPolicy
{
    public override string Name => SpliceLoadBalancingPolicies.WeightedRoundRobin;

    protected override DestinationState? Pick(ClusterState cluster, WeightedSet set, IPAddress? source, IReadOnlyCollection<string> tried) =>
        set.PickNext(tried);
}
