using System.Net.Http;

namespace Yarp.Splice.Health;

/// <summary>A cluster's HTTP client, which also carries out TCP probes.</summary>
internal sealed class ProbingClient(HttpMessageInvoker inner) : HttpMessageInvoker(new TcpProbeHandler())
{
    public HttpMessageInvoker Inner => inner;

    public override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        request is TcpProbeRequest ? base.SendAsync(request, cancellationToken) : inner.SendAsync(request, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
