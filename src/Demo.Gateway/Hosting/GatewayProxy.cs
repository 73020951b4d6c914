using Demo.Gateway.Admin;
using Demo.Gateway.Privileges;

namespace Demo.Gateway.Hosting;

/// <summary>YARP with all that the gateway adds to it, for the start and for commands that only read routes.</summary>
internal static class GatewayProxy
{
    public const string SectionName = "ReverseProxy";

    public static void Add(IServiceCollection services, IConfiguration configuration)
    {
        var section = configuration.GetSection(SectionName);
        var changesUser = configuration[PrivilegeDrop.Key] is { Length: > 0 };
        services.AddReverseProxy().LoadFromConfig(section).AddSplice(section, options => options.LoadSockmapAtStart = changesUser);
        DrainingDestinationsPolicy.AddTo(services);
    }
}
