using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Transport.Linux.Connections;

namespace Transport.Linux.Kestrel;

/// <summary>
/// Kestrel begins to serve a connection on the thread pool, out of the transport's sight. This puts a step into each endpoint's pipeline that makes
/// that first run a dispatch like those that follow it, so that the first response, too, leaves in one piece: with the FIN, if the connection ends
/// with it. Endpoints that the step does not reach only miss that.
/// </summary>
internal sealed class HoldingEndpoints : IPostConfigureOptions<KestrelServerOptions>
{
    public void PostConfigure(string? name, KestrelServerOptions options)
    {
        var configured = EndpointDefaults(options);
        options.ConfigureEndpointDefaults(endpoint =>
        {
            configured(endpoint);
            Add(endpoint);
        });
        foreach (var endpoint in CodeBackedListenOptions(options))
        {
            Add(endpoint);
        }
    }

    private static void Add(ListenOptions endpoint) =>
        endpoint.Use(static next => connection => connection is LinuxConnection linux ? linux.RunFirst(next) : next(connection));

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_EndpointDefaults")]
    private static extern Action<ListenOptions> EndpointDefaults(KestrelServerOptions options);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_CodeBackedListenOptions")]
    private static extern List<ListenOptions> CodeBackedListenOptions(KestrelServerOptions options);
}
