using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Transport.Linux;
using Yarp.Splice.Limits;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Relay;

/// <summary>Registers the relay on the event loops.</summary>
internal static class RelayServiceExtensions
{
    public static IServiceCollection AddRelay(this IServiceCollection services)
    {
        services.TryAddSingleton<IRelayEngine>(static provider => new RelayEngine(
            provider.GetRequiredService<EventLoopGroup>(), provider.GetRequiredService<IDestinationSelector>(), provider.GetRequiredService<ConnectionLimits>(),
            provider.GetRequiredService<SpliceMetrics>(), provider.GetRequiredService<SessionTable>(), provider.GetRequiredService<ILoggerFactory>())
        {
            LoadAtStart = provider.GetRequiredService<IOptions<SpliceOptions>>().Value.LoadSockmapAtStart,
            HasClientNoDelay = provider.GetRequiredService<IOptions<LinuxTransportOptions>>().Value.NoDelay,
        });
        return services;
    }
}
