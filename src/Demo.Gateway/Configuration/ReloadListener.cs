using Demo.Gateway.Errors;
using Yarp.ReverseProxy.Configuration;

namespace Demo.Gateway.Configuration;

/// <summary>Says in one line for each mistake why YARP refused a changed configuration.</summary>
internal sealed class ReloadListener(ILoggerFactory loggerFactory, IHostApplicationLifetime lifetime) : IConfigChangeListener
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(GatewayLog.Category);

    public void ConfigurationLoadingFailed(IProxyConfigProvider configProvider, Exception exception) => Refuse(exception);

    public void ConfigurationLoaded(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
    }

    public void ConfigurationApplyingFailed(IReadOnlyList<IProxyConfig> proxyConfigs, Exception exception) => Refuse(exception);

    public void ConfigurationApplied(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
    }

    private void Refuse(Exception exception)
    {
        // At start the program itself reports the failure and exits.
        if (!lifetime.ApplicationStarted.IsCancellationRequested)
        {
            return;
        }

        foreach (var line in StartupFailure.Describe([exception]))
        {
            GatewayLog.ReloadRefused(_logger, line);
        }
    }
}
