using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace Yarp.Splice.Upgrades;

/// <summary>Registers what HTTP routes do with connections that stop being HTTP.</summary>
internal static class UpgradeServiceExtensions
{
    public static IServiceCollection AddUpgrades(this IServiceCollection services)
    {
        services.AddSingleton<UpgradeReports>();
        services.AddSingleton<UpgradeRoutes>();
        services.AddSingleton<IConfigChangeListener>(static provider => provider.GetRequiredService<UpgradeRoutes>());

        services.AddSingleton<ConnectTunnel>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<MatcherPolicy, ConnectPolicy>());

        // Around YARP's, or the application's own.
        services.Decorate<IHttpForwarder>(static (provider, inner) => ActivatorUtilities.CreateInstance<UpgradeForwarder>(provider, inner));
        return services;
    }
}
