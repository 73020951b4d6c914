using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.Splice;
using Yarp.Splice.Health;
using Yarp.Splice.Http;
using Yarp.Splice.Kestrel;
using Yarp.Splice.Limits;
using Yarp.Splice.Listening;
using Yarp.Splice.LoadBalancing;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Managed;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;
using Yarp.Splice.Upgrades;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds TCP routes to YARP.</summary>
public static class SpliceReverseProxyBuilderExtensions
{
    /// <summary>
    /// Serves routes that have a <c>Mode</c> as raw TCP: their ports are opened, or taken over from Kestrel's endpoints, their connections
    /// are relayed to a destination of their cluster, and HTTP requests do not reach them.
    /// </summary>
    /// <param name="builder">The proxy's builder.</param>
    /// <param name="section">The section that was given to <c>LoadFromConfig</c>. YARP does not read a route's <c>Mode</c> and <c>Splice</c> keys,
    /// so they are read from here; other providers use the metadata <c>Splice.Mode</c>, <c>Splice.IdleTimeout</c> and so on.</param>
    /// <returns>The same builder.</returns>
    /// <remarks>Wrong configuration makes <c>MapReverseProxy</c> throw, with a <see cref="SpliceConfigurationException"/> for each route inside; when
    /// it is wrong after a change, it is logged and the running configuration is kept. A port that cannot be opened
    /// stops the start with a <see cref="SplicePortException"/>.</remarks>
    public static IReverseProxyBuilder AddSplice(this IReverseProxyBuilder builder, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(section);
        return builder.AddSpliceCore(section);
    }

    /// <summary>As <see cref="AddSplice(IReverseProxyBuilder, IConfiguration)"/>, with options set in code.</summary>
    /// <param name="builder">The proxy's builder.</param>
    /// <param name="section">The section that was given to <c>LoadFromConfig</c>.</param>
    /// <param name="configureOptions">Sets the options.</param>
    /// <returns>The same builder.</returns>
    public static IReverseProxyBuilder AddSplice(
        this IReverseProxyBuilder builder, IConfiguration section, Action<SpliceOptions> configureOptions)
    {
        ArgumentNullException.ThrowIfNull(configureOptions);
        builder.AddSplice(section);
        builder.Services.Configure(configureOptions);
        return builder;
    }

    /// <summary>
    /// As <see cref="AddSplice(IReverseProxyBuilder, IConfiguration)"/>, for providers without a configuration section: TCP routes are those
    /// whose metadata has <c>Splice.Mode</c>.
    /// </summary>
    /// <param name="builder">The proxy's builder.</param>
    /// <param name="configureOptions">Sets the options.</param>
    /// <returns>The same builder.</returns>
    public static IReverseProxyBuilder AddSplice(this IReverseProxyBuilder builder, Action<SpliceOptions> configureOptions)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configureOptions);
        builder.AddSpliceCore(section: null);
        builder.Services.Configure(configureOptions);
        return builder;
    }

    private static IReverseProxyBuilder AddSpliceCore(this IReverseProxyBuilder builder, IConfiguration? section)
    {
        var services = builder.Services;
        if (services.Any(static service => service.ServiceType == typeof(TcpPortManager)))
        {
            throw new InvalidOperationException("AddSplice was called twice; one call serves all routes of the application.");
        }

        services.AddMetrics();
        services.AddOptions<SpliceOptions>();
        services.AddEventLoops();
        services.AddRelay();
        services.TryAddSingleton<SpliceMetrics>();
        services.TryAddSingleton<SessionTable>();
        services.TryAddSingleton<ISessionTable>(static provider => provider.GetRequiredService<SessionTable>());
        services.TryAddSingleton<ConnectionLimits>();
        services.TryAddSingleton<ManagedRelay>();
        services.TryAddSingleton<SessionContexts>();
        services.TryAddSingleton<IDestinationSelector, DestinationSelector>();

        services.AddLoadBalancing();
        services.AddSingleton(provider => new RouteSectionLifter(provider.GetRequiredService<IOptions<SpliceOptions>>(), section));
        services.AddSingleton<PortClaims>();
        services.AddSingleton<IConfigChangeListener>(static provider => provider.GetRequiredService<PortClaims>());
        services.AddSingleton<TcpRoutes>();
        services.AddSingleton<IConfigChangeListener>(static provider => provider.GetRequiredService<TcpRoutes>());
        services.AddSingleton<IProxyConfigFilter, SpliceRouteFilter>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<MatcherPolicy, HttpHidingPolicy>());

        services.TryAddSingleton<IPortOpener>(static provider => OperatingSystem.IsLinux()
            ? ActivatorUtilities.CreateInstance<EventLoopPortOpener>(provider)
            : ActivatorUtilities.CreateInstance<SocketPortOpener>(provider));
        services.AddSingleton<TcpPortManager>();
        services.AddHostedService(static provider => provider.GetRequiredService<TcpPortManager>());
        services.AddHostedService<LeftoverSessions>();

        if (OperatingSystem.IsLinux() && services.LastOrDefault(static service => service.ServiceType == typeof(IForwarderHttpClientFactory))
            is { } clients && clients.ImplementationType == typeof(ForwarderHttpClientFactory))
        {
            // Beside YARP's own, which ConfigureHttpClient looks for; the last one counts.
            services.AddSingleton<IForwarderHttpClientFactory, EventLoopHttpClientFactory>();
        }

        services.AddSingleton<ConnectionRefusals>();
        services.AddSingleton<ConnectionReception>();
        services.AddTcpHealth();
        services.AddTcpDestinationResolver();
        services.AddUpgrades();

        services.AddSingleton<SpliceConnectionMiddleware>();
        services.AddSingleton<SpliceEndpointDefaults>();
        // First of all: endpoint defaults reach only the endpoints that are added after them.
        services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<KestrelServerOptions>>(
            static provider => provider.GetRequiredService<SpliceEndpointDefaults>()));
        services.AddSingleton<IPostConfigureOptions<KestrelServerOptions>>(
            static provider => provider.GetRequiredService<SpliceEndpointDefaults>());
        return builder;
    }
}
