using Microsoft.Extensions.DependencyInjection;

namespace Yarp.Splice;

/// <summary>Puts a service in front of the one that is registered.</summary>
internal static class ServiceDecoration
{
    /// <summary>
    /// Adds a registration, which is the one that counts, of what <paramref name="decorate"/> makes of the one that counted before. That one stays:
    /// YARP looks at some of its own registrations.
    /// </summary>
    public static void Decorate<TService>(this IServiceCollection services, Func<IServiceProvider, TService, TService> decorate)
        where TService : class
    {
        var inner = services.Last(static service => service.ServiceType == typeof(TService) && !service.IsKeyedService);
        services.AddSingleton(provider => decorate(provider, (TService)Create(provider, inner)));
    }

    private static object Create(IServiceProvider provider, ServiceDescriptor descriptor) =>
        descriptor.ImplementationInstance ??
        descriptor.ImplementationFactory?.Invoke(provider) ??
        ActivatorUtilities.CreateInstance(provider, descriptor.ImplementationType!);
}
