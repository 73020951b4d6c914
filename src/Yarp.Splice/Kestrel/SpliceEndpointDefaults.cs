using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Yarp.Splice.Listening;

namespace Yarp.Splice.Kestrel;

/// <summary>
/// Puts <see cref="SpliceConnectionMiddleware"/> on every Kestrel endpoint, however it is declared. Endpoint defaults reach the ones from
/// configuration and addresses, and the ones that code adds after us; an application that sets defaults of its own replaces ours, so that
/// they are chained, and the endpoints that were added in between are completed, when all options are configured.
/// </summary>
internal sealed class SpliceEndpointDefaults(IServiceProvider services)
    : IConfigureOptions<KestrelServerOptions>, IPostConfigureOptions<KestrelServerOptions>
{
    private readonly ConditionalWeakTable<ListenOptions, object> _completed = [];
    private Action<ListenOptions>? _own;

    public void Configure(KestrelServerOptions options)
    {
        _own ??= AddFirst;
        options.ConfigureEndpointDefaults(_own);
    }

    public void PostConfigure(string? name, KestrelServerOptions options)
    {
        _own ??= AddFirst;
        var current = EndpointDefaults(options);
        if (!current.GetInvocationList().Contains(_own))
        {
            options.ConfigureEndpointDefaults(_own + current);
        }

        foreach (var endpoint in CodeBackedListenOptions(options))
        {
            AddFirst(endpoint);
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_EndpointDefaults")]
    private static extern Action<ListenOptions> EndpointDefaults(KestrelServerOptions options);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_CodeBackedListenOptions")]
    private static extern List<ListenOptions> CodeBackedListenOptions(KestrelServerOptions options);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_middleware")]
    private static extern ref List<Func<ConnectionDelegate, ConnectionDelegate>> Middleware(ListenOptions options);

    private void AddFirst(ListenOptions endpoint)
    {
        if (!_completed.TryAdd(endpoint, this))
        {
            return;
        }

        // Resolved with the first connection: these options are made while the services that the middleware needs may still be.
        var middleware = new Lazy<SpliceConnectionMiddleware>(services.GetRequiredService<SpliceConnectionMiddleware>);

        // ListenOptions.Use appends, which would be after TLS on an endpoint that is configured already.
        Middleware(endpoint).Insert(0, next =>
        {
            // Kestrel builds the pipeline of an endpoint right before it listens on it, at its start and at a reload.
            if (endpoint.IPEndPoint is { } ip)
            {
                services.GetRequiredService<TcpPortManager>().YieldTo(ip);
            }

            // When the endpoint is bound: only then has it its section of the configuration.
            var trustedProxies = EndpointProxies.Of(endpoint);
            return connection => middleware.Value.OnConnectionAsync(connection, next, trustedProxies);
        });
    }
}
