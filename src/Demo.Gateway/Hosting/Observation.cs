using Demo.Gateway.AccessLog;
using Demo.Gateway.Admin;
using Demo.Gateway.Configuration;
using Demo.Gateway.Lifecycle;
using Demo.Gateway.Metrics;
using Demo.Gateway.Upgrade;
using Yarp.Splice;

namespace Demo.Gateway.Hosting;

/// <summary>Access log, metrics and admin endpoint, as they are configured.</summary>
internal static class Observation
{
    public static void Add(IServiceCollection services, GatewaySettings settings)
    {
        services.AddSingleton<GatewayMetrics>();
        if (settings.AccessLog is { } accessLog)
        {
            services.AddSingleton(accessLog);
            services.AddSingleton<AccessLogWriter>();
            services.AddSingleton<ISessionObserver>(static provider => provider.GetRequiredService<AccessLogWriter>());
        }

        if (settings.Otlp is { } otlp)
        {
            services.AddSingleton(otlp);
            services.AddHostedService<OtlpExport>();
        }

        if (settings.Admin is { } admin)
        {
            services.AddSingleton(admin);
            services.AddSingleton<MetricCollector>();
            services.AddSingleton<MetricReadings>();
            services.AddSingleton<AdminViews>();
            services.AddSingleton<AdminApi>();
            services.AddSingleton<AdminServer>();
            services.AddHostedService(static provider => provider.GetRequiredService<AdminServer>());
        }
    }

    /// <summary>Before the routes: whatever answers a request is logged and measured.</summary>
    public static void Use(WebApplication application)
    {
        // First, so that it hears of every instrument's first measurement.
        _ = application.Services.GetService<MetricCollector>();
        if (application.Services.GetService<AccessLogWriter>() is { } log)
        {
            application.UseAccessLog(log);
        }

        application.UseForwardingLog();
        application.Services.GetRequiredService<GatewayMetrics>().Use(application);
        application.UseFarewell(application.Services.GetRequiredService<GatewayLifecycle>());
    }
}
