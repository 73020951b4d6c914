using System.Net.Http;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Health;

/// <summary>A probe in the form in which YARP's monitor passes it on. It is never sent as HTTP.</summary>
internal sealed class TcpProbeRequest(DestinationAddress address, ClusterHealthSettings settings) : HttpRequestMessage(HttpMethod.Get, default(Uri))
{
    public DestinationAddress Address => address;

    public ClusterHealthSettings Settings => settings;
}
