using System.Net.Http;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.Tests.LoadBalancing;

/// <summary>A cluster as YARP would hold it, with destinations d0, d1 … of given weights.</summary>
internal sealed class TestCluster
{
    public TestCluster(string policy, params int[] weights)
    {
        State = new ClusterState("c", new ClusterModel(
            new ClusterConfig { ClusterId = "c", LoadBalancingPolicy = policy }, new HttpMessageInvoker(new SocketsHttpHandler())));
        Destinations = [.. weights.Select(static (weight, i) => Create($"d{i}", weight))];
        Replace(Destinations);
    }

    public ClusterState State { get; }

    public DestinationState[] Destinations { get; }

    public IReadOnlyList<DestinationState> Available => State.DestinationsState.AvailableDestinations;

    public static DestinationState Create(string id, int weight) => new(id, new DestinationModel(new DestinationConfig
    {
        Address = "10.0.0.1:1",
        Metadata = new Dictionary<string, string> { ["weight"] = $"{weight}" },
    }));

    /// <summary>As a new configuration does.</summary>
    public void Replace(IEnumerable<DestinationState> destinations)
    {
        DestinationState[] all = [.. destinations];
        State.Destinations.Clear();
        foreach (var destination in all)
        {
            State.Destinations[destination.DestinationId] = destination;
        }

        State.DestinationsState = new ClusterDestinationsState(all, all);
    }

    /// <summary>As a health check does.</summary>
    public void MakeUnavailable(params DestinationState[] destinations) =>
        State.DestinationsState = new ClusterDestinationsState(State.DestinationsState.AllDestinations, [.. Destinations.Except(destinations)]);
}
