using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Yarp.Splice.Relay;

/// <summary>Registers the relay on the event loops.</summary>
internal static class RelayServiceExtensions
{
    public static IServiceCollection AddRelay(this IServiceCollection services)
    {
        services.TryAddSingleton<IRelayEngine, RelayEngine>();
        return services;
    }
}
