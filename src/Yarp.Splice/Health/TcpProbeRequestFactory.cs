using System.Net.Http;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Health;

/// <summary>Makes TCP probes for the addresses that are not HTTP, and leaves the others to YARP.</summary>
internal sealed class TcpProbeRequestFactory(IProbingRequestFactory inner) : IProbingRequestFactory
{
    public HttpRequestMessage CreateRequest(ClusterModel cluster, DestinationModel destination)
    {
        var text = string.IsNullOrEmpty(destination.Config.Health) ? destination.Config.Address : destination.Config.Health;
        return DestinationAddress.TryParse(text, out var address, out _) && !address.IsHttp
            ? new TcpProbeRequest(address, ClusterHealthSettings.Read(cluster.Config, []))
            : inner.CreateRequest(cluster, destination);
    }
}
