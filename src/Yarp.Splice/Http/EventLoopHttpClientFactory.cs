using System.Net.Http;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Transport.Linux;
using Yarp.ReverseProxy.Forwarder;
using Yarp.Splice.Health;

namespace Yarp.Splice.Http;

/// <summary>YARP's own client factory, with the connections of its clients on the event loops.</summary>
internal sealed class EventLoopHttpClientFactory(
    EventLoopGroup loops, IOptions<SpliceOptions> options, ILogger<ForwarderHttpClientFactory> logger)
    : ForwarderHttpClientFactory(logger), IForwarderHttpClientFactory
{
    private static readonly ConditionalWeakTable<HttpMessageInvoker, EventLoopHttpClientFactory> s_madeBy = [];

    private readonly EventLoopConnector _connector = new(loops);

    /// <summary>Whether all connections of a client live on the event loops.</summary>
    public static bool IsOnEventLoops(HttpMessageInvoker client) =>
        s_madeBy.TryGetValue(client is ProbingClient probing ? probing.Inner : client, out _);

    HttpMessageInvoker IForwarderHttpClientFactory.CreateClient(ForwarderHttpClientContext context)
    {
        var client = CreateClient(context);
        if (options.Value.HttpDestinationsOnEventLoops)
        {
            s_madeBy.TryAdd(client, this);
        }

        return client;
    }

    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);
        if (options.Value.HttpDestinationsOnEventLoops)
        {
            _connector.UseFor(handler);
        }
    }
}
