using System.Collections.Concurrent;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace Demo.Gateway.Admin;

/// <summary>
/// Destinations that get nothing new because somebody said so, while what they have goes on. Kept by name: a reload changes nothing, a restart forgets.
/// </summary>
internal sealed class DestinationDrain(Lazy<IClusterDestinationsUpdater> updater)
{
    private readonly ConcurrentDictionary<(string Cluster, string Destination), bool> _drained = new();

    public bool IsDrained(string clusterId, string destinationId) => _drained.ContainsKey(KeyOf(clusterId, destinationId));

    public void Begin(ClusterState cluster, DestinationState destination)
    {
        _drained[KeyOf(cluster.ClusterId, destination.DestinationId)] = true;
        updater.Value.UpdateAvailableDestinations(cluster);
    }

    public void End(ClusterState cluster, DestinationState destination)
    {
        _drained.TryRemove(KeyOf(cluster.ClusterId, destination.DestinationId), out _);
        updater.Value.UpdateAvailableDestinations(cluster);
    }

    // YARP compares both without regard to case.
    private static (string Cluster, string Destination) KeyOf(string clusterId, string destinationId) =>
        (clusterId.ToUpperInvariant(), destinationId.ToUpperInvariant());
}
