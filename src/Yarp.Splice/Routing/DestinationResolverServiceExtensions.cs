using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.ServiceDiscovery;

namespace Yarp.Splice.Routing;

/// <summary>Registers what makes YARP's destination resolvers work for TCP addresses.</summary>
internal static class DestinationResolverServiceExtensions
{
    // YARP's default, which it knows by its type and does not even ask.
    private const string NoResolver = "NoOpDestinationResolver";

    public static IServiceCollection AddTcpDestinationResolver(this IServiceCollection services)
    {
        if (services.Last(static service => service.ServiceType == typeof(IDestinationResolver)).ImplementationType?.Name != NoResolver)
        {
            services.Decorate<IDestinationResolver>(static (_, inner) => new TcpDestinationResolver(inner));
        }

        return services;
    }
}
