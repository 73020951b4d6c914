namespace Demo.Gateway.Upgrade;

/// <summary>Upgrades, if they are configured.</summary>
internal static class UpgradeServices
{
    /// <summary>To be called last: an instance takes over when everything else has started.</summary>
    public static void Add(IServiceCollection services, UpgradeOptions? options)
    {
        services.AddSingleton<UpgradeState>();
        if (options is not null)
        {
            services.AddSingleton(options);
            services.AddSingleton<UpgradeServer>();
            services.AddHostedService<TakeOver>();
        }
    }
}
