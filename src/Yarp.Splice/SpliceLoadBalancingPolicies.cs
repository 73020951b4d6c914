using Yarp.ReverseProxy.LoadBalancing;

namespace Yarp.Splice;

/// <summary>
/// Names of the load-balancing policies that this library adds to YARP's own (<see cref="LoadBalancingPolicies"/>), for TCP and HTTP routes. All of
/// them heed the weights of destinations: <c>"Metadata": { "Weight": "3" }</c>, a whole number from 0 to 1000, by default 1. A destination
/// with weight 0 gets nothing new.
/// </summary>
public static class SpliceLoadBalancingPolicies
{
    /// <summary>
    /// The same source address goes to the same destination, by weighted rendezvous hashing (Thaler and Ravishankar, 1998): a destination that goes
    /// moves only its own clients, and one that comes takes only its share. Looks at every destination for each pick.
    /// </summary>
    public static string SourceIpHash => nameof(SourceIpHash);

    /// <summary>
    /// The same source address goes to the same destination, by a lookup table of 65537 entries (Eisenbud et al., Maglev, NSDI 2016, section 3.4): each
    /// pick takes the same time however many destinations there are. A destination that becomes unhealthy moves only its own clients; one that is removed
    /// or added by configuration also moves a few others.
    /// </summary>
    public static string Maglev => nameof(Maglev);

    /// <summary>Destinations take turns in proportion to their weights, spread evenly: with 3 and 1, a a b a.</summary>
    public static string WeightedRoundRobin => nameof(WeightedRoundRobin);

    /// <summary>The destination with the fewest sessions and requests for its weight.</summary>
    public static string WeightedLeastRequests => nameof(WeightedLeastRequests);
}
