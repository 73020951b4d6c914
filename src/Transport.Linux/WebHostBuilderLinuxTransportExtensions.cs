using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Transport.Linux;
using Transport.Linux.Kestrel;

namespace Microsoft.AspNetCore.Hosting;

/// <summary>Puts Kestrel on the Linux transport.</summary>
public static class WebHostBuilderLinuxTransportExtensions
{
    /// <summary>
    /// Makes Kestrel use pinned epoll event loops with one SO_REUSEPORT listener each. Endpoint kinds that the transport does not serve stay on
    /// Kestrel's socket transport, and so does everything on an operating system other than Linux, which the log says once.
    /// </summary>
    /// <param name="hostBuilder">The web host's builder.</param>
    /// <returns>The same builder.</returns>
    public static IWebHostBuilder UseLinuxZeroCopyTransport(this IWebHostBuilder hostBuilder)
    {
        ArgumentNullException.ThrowIfNull(hostBuilder);
        return hostBuilder
            // Kestrel takes the last registered factory that can bind an endpoint, so its own has to be there before ours.
            .UseSockets()
            .ConfigureServices(static services =>
            {
                if (OperatingSystem.IsLinux())
                {
                    services.AddEventLoops();
                    services.AddSingleton<IConnectionListenerFactory, LinuxTransportFactory>();
                    services.TryAddEnumerable(ServiceDescriptor.Singleton<IPostConfigureOptions<KestrelServerOptions>, HoldingEndpoints>());
                }
                else
                {
                    services.AddHostedService<NotLinuxNotice>();
                }
            });
    }

    /// <summary>As <see cref="UseLinuxZeroCopyTransport(IWebHostBuilder)"/>, with options set in code; they win over the configuration section
    /// <c>LinuxTransport</c>.</summary>
    /// <param name="hostBuilder">The web host's builder.</param>
    /// <param name="configureOptions">Sets the options.</param>
    /// <returns>The same builder.</returns>
    public static IWebHostBuilder UseLinuxZeroCopyTransport(this IWebHostBuilder hostBuilder, Action<LinuxTransportOptions> configureOptions)
    {
        ArgumentNullException.ThrowIfNull(configureOptions);
        return hostBuilder.UseLinuxZeroCopyTransport().ConfigureServices(services => services.Configure(configureOptions));
    }

    /// <summary>
    /// Adds the <see cref="EventLoopGroup"/> and its options without making Kestrel use it, for code that listens by itself. Repeated calls
    /// change nothing.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddEventLoops(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (services.Any(static service => service.ServiceType == typeof(EventLoopGroup)))
        {
            return services;
        }

        services.AddSingleton<EventLoopGroup>();
        services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IValidateOptions<LinuxTransportOptions>, LinuxTransportOptionsValidator>());
        services.AddOptions<LinuxTransportOptions>()
            .BindConfiguration(LinuxTransportOptions.SectionName, static binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        return services;
    }
}
