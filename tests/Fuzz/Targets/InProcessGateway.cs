using Demo.Gateway.Admin;
using Demo.Gateway.Configuration;
using Demo.Gateway.Hosting;
using Demo.Gateway.Lifecycle;
using Demo.Gateway.Upgrade;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Configuration;
using Yarp.Splice.Routing;

namespace Fuzz.Targets;

/// <summary>The gateway put together in this process, without a port: its routes follow a text, and its admin endpoint can be asked.</summary>
internal sealed class InProcessGateway : ConfigurationProvider, IConfigurationSource, IConfigChangeListener, IDisposable
{
    public const string Token = "0123456789abcdef-fuzz";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly WebApplication _application;
    private TaskCompletionSource<bool> _decided = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public InProcessGateway(IDictionary<string, string?> data)
    {
        Data = data;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.Sources.Add(this);
        builder.Configuration["Admin:Token"] = Token;
        builder.Services.AddRouting();
        builder.Services.AddSingleton<GatewayLifecycle>();
        builder.Services.AddSingleton<UpgradeState>();
        builder.Services.AddSingleton<IServer, NoHttpServer>();
        builder.Services.AddSingleton<IConfigChangeListener>(this);
        GatewayProxy.Add(builder.Services, builder.Configuration);
        Observation.Add(builder.Services, GatewaySettings.Read(builder.Configuration, []));
        _application = builder.Build();
        _application.MapReverseProxy();
    }

    public IServiceProvider Services => _application.Services;

    public AdminOptions AdminOptions => Services.GetRequiredService<AdminOptions>();

    /// <summary>What the routes are now, YARP's and ours.</summary>
    public string State
    {
        get
        {
            var proxy = Services.GetRequiredService<IProxyStateLookup>();
            var routes = proxy.GetRoutes().Select(static route => $"{route.Config.RouteId}>{route.Config.ClusterId} {string.Join(',', route.Config.Match.Hosts ?? [])} " +
                string.Join(',', (route.Config.Metadata ?? new Dictionary<string, string>()).Select(static pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal)));
            var clusters = proxy.GetClusters().Select(static cluster => $"{cluster.ClusterId} {cluster.Model.Config.LoadBalancingPolicy} " +
                string.Join(',', cluster.Destinations.Select(static destination => $"{destination.Key}={destination.Value.Model.Config.Address}").Order(StringComparer.Ordinal)));
            var tcp = Services.GetRequiredService<TcpRoutes>().Current.Routes.Select(static route => route.ToString());
            return string.Join('\n', routes.Order(StringComparer.Ordinal).Concat(clusters.Order(StringComparer.Ordinal)).Concat(tcp.Order(StringComparer.Ordinal)));
        }
    }

    public IConfigurationProvider Build(IConfigurationBuilder builder) => this;

    /// <summary>Replaces the configuration, and waits until YARP has decided.</summary>
    /// <returns>Whether it was applied.</returns>
    public bool Replace(IDictionary<string, string?> data)
    {
        _decided = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        Data = data;
        OnReload();
        return _decided.Task.Wait(s_patience) ? _decided.Task.Result : throw new TimeoutException("a changed configuration was neither applied nor refused");
    }

    public void ConfigurationLoadingFailed(IProxyConfigProvider configProvider, Exception exception) => _decided.TrySetResult(false);

    public void ConfigurationLoaded(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
    }

    public void ConfigurationApplyingFailed(IReadOnlyList<IProxyConfig> proxyConfigs, Exception exception) => _decided.TrySetResult(false);

    public void ConfigurationApplied(IReadOnlyList<IProxyConfig> proxyConfigs) => _decided.TrySetResult(true);

    public void Dispose() => ((IDisposable)_application).Dispose();
}
