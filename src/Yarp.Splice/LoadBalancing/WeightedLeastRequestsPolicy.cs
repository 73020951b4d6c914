using System.Net;
using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.LoadBalancing;

/// <summary><see cref="SpliceLoadBalancingPolicies.WeightedLeastRequests"/>.</summary>
internal sealed class WeightedLeastRequestsPolicy : WeightedPolicy
{
    public override string Name => SpliceLoadBalancingPolicies.WeightedLeastRequests;

    protected override DestinationState? Pick(ClusterState cluster, WeightedSet set, IPAddress? source, IReadOnlyCollection<string> tried) =>
        set.PickLeastBusy(tried);
}
