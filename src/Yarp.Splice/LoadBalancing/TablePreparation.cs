using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.LoadBalancing;

/// <summary>Stands before YARP's own: has the table of a cluster ready by the time its new destinations can be picked.</summary>
internal sealed class TablePreparation(IClusterDestinationsUpdater inner, MaglevPolicy maglev) : IClusterDestinationsUpdater
{
    public void UpdateAvailableDestinations(ClusterState cluster) => inner.UpdateAvailableDestinations(cluster);

    public void UpdateAllDestinations(ClusterState cluster)
    {
        maglev.Prepare(cluster);
        inner.UpdateAllDestinations(cluster);
    }
}
