using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace Demo.Gateway.Admin;

/// <summary>One of YARP's policies for which destinations are available, without the drained ones.</summary>
internal sealed class DrainingDestinationsPolicy(IAvailableDestinationsPolicy inner, DestinationDrain drain) : IAvailableDestinationsPolicy
{
    public string Name => inner.Name;

    public IReadOnlyList<DestinationState> GetAvailalableDestinations(ClusterConfig config, IReadOnlyList<DestinationState> allDestinations) =>
        inner.GetAvailalableDestinations(
            config, [.. allDestinations.Where(destination => !drain.IsDrained(config.ClusterId, destination.DestinationId))]);

    /// <summary>Puts itself around every policy that is registered.</summary>
    public static void AddTo(IServiceCollection services)
    {
        services.AddSingleton(static provider => new DestinationDrain(new Lazy<IClusterDestinationsUpdater>(provider.GetRequiredService<IClusterDestinationsUpdater>)));
        for (var i = 0; i < services.Count; i++)
        {
            if (services[i] is { ServiceType: var type, ImplementationType: { } implementation } && type == typeof(IAvailableDestinationsPolicy))
            {
                services[i] = ServiceDescriptor.Singleton<IAvailableDestinationsPolicy>(provider => new DrainingDestinationsPolicy(
                    (IAvailableDestinationsPolicy)ActivatorUtilities.CreateInstance(provider, implementation), provider.GetRequiredService<DestinationDrain>()));
            }
        }
    }
}
