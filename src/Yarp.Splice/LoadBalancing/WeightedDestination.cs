using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.LoadBalancing;

/// <summary>A destination with what the policies want to know of it.</summary>
/// <param name="State">The destination.</param>
/// <param name="Weight">Its weight, from 1 on.</param>
/// <param name="Hash">The hash of its id.</param>
internal readonly record struct WeightedDestination(DestinationState State, int Weight, ulong Hash)
{
    public bool IsIn(IReadOnlyCollection<string> tried) => tried.Count > 0 && tried.Contains(State.DestinationId);
}
