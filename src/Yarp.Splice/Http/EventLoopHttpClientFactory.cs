using System.Net.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Transport.Linux;
using Yarp.ReverseProxy.Forwarder;

namespace Yarp.Splice.Http;

/// <summary>YARP's own client factory, with the connections of its clients on the event loops.</summary>
internal sealed class EventLoopHttpClientFactory(
    EventLoopGroup loops, IOptions<SpliceOptions> options, ILogger<ForwarderHttpClientFactory> logger) : ForwarderHttpClientFactory(logger)
{
    private readonly EventLoopConnector _connector = new(loops);

    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);
        if (options.Value.HttpDestinationsOnEventLoops)
        {
            _connector.UseFor(handler);
        }
    }
}
