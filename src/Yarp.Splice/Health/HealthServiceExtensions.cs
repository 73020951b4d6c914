using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;

namespace Yarp.Splice.Health;

/// <summary>Registers what makes YARP's health checks work for TCP destinations.</summary>
internal static class HealthServiceExtensions
{
    public static IServiceCollection AddTcpHealth(this IServiceCollection services)
    {
        services.AddSingleton<PassiveHealth>();
        services.Decorate<IForwarderHttpClientFactory>(static (_, inner) => new ProbingClientFactory(inner));
        services.Decorate<IProbingRequestFactory>(static (_, inner) => new TcpProbeRequestFactory(inner));
        services.Decorate<IClusterDestinationsUpdater>(
            static (provider, inner) => ActivatorUtilities.CreateInstance<DestinationHealthWatch>(provider, inner));
        return services;
    }
}
