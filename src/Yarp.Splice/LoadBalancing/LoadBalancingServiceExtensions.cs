using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;

namespace Yarp.Splice.LoadBalancing;

/// <summary>Registers the policies, so that YARP's validator accepts their names and HTTP routes can use them, too.</summary>
internal static class LoadBalancingServiceExtensions
{
    public static IServiceCollection AddLoadBalancing(this IServiceCollection services)
    {
        services.AddPolicy<SourceIpHashPolicy>();
        services.AddPolicy<MaglevPolicy>();
        services.AddPolicy<WeightedRoundRobinPolicy>();
        services.AddPolicy<WeightedLeastRequestsPolicy>();
        services.Decorate<IClusterDestinationsUpdater>(static (provider, inner) => new TablePreparation(inner, provider.GetRequiredService<MaglevPolicy>()));
        return services;
    }

    private static void AddPolicy<TPolicy>(this IServiceCollection services)
        where TPolicy : WeightedPolicy
    {
        services.AddSingleton<TPolicy>();
        services.AddSingleton<WeightedPolicy>(static provider => provider.GetRequiredService<TPolicy>());
        services.AddSingleton<ILoadBalancingPolicy>(static provider => provider.GetRequiredService<TPolicy>());
    }
}
