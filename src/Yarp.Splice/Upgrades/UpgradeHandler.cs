using System.Net.Http;

namespace Yarp.Splice.Upgrades;

/// <summary>Between YARP's forwarder and the cluster's client, for the one request of an upgrade.</summary>
internal sealed class UpgradeHandler(ConnectionUpgrade upgrade) : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        upgrade.SendAsync(request, cancellationToken);
}
