using System.Net.Http;
using Yarp.ReverseProxy.Forwarder;

namespace Yarp.Splice.Health;

/// <summary>Stands before the factory of the application or of YARP.</summary>
internal sealed class ProbingClientFactory(IForwarderHttpClientFactory inner) : IForwarderHttpClientFactory
{
    public HttpMessageInvoker CreateClient(ForwarderHttpClientContext context)
    {
        var old = context.OldClient as ProbingClient;
        var client = inner.CreateClient(new ForwarderHttpClientContext
        {
            ClusterId = context.ClusterId,
            OldConfig = context.OldConfig,
            OldMetadata = context.OldMetadata,
            OldClient = old?.Inner ?? context.OldClient,
            NewConfig = context.NewConfig,
            NewMetadata = context.NewMetadata,
        });
        // The inner factory gives back the old one where nothing has changed.
        return old is not null && old.Inner == client ? old : new ProbingClient(client);
    }
}
