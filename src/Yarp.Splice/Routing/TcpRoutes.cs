using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Configuration;

namespace Yarp.Splice.Routing;

/// <summary>Holds the current <see cref="TcpRouteTable"/> and replaces it whenever YARP has applied a configuration.</summary>
internal sealed class TcpRoutes(IServiceProvider services, ILoggerFactory loggerFactory) : IConfigChangeListener
{
    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);
    private readonly Lock _lock = new();
    private volatile TcpRouteTable _current = TcpRouteTable.Empty;

    /// <summary>Raised after <see cref="Current"/> was replaced, on the thread that applied the configuration.</summary>
    public event Action? Changed;

    public TcpRouteTable Current => _current;

    public void ConfigurationLoadingFailed(IProxyConfigProvider configProvider, Exception exception)
    {
    }

    public void ConfigurationLoaded(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
    }

    public void ConfigurationApplyingFailed(IReadOnlyList<IProxyConfig> proxyConfigs, Exception exception)
    {
        foreach (var mistake in FindMistakes(exception).Distinct())
        {
            SpliceLog.ReloadRefused(_logger, mistake);
        }
    }

    public void ConfigurationApplied(IReadOnlyList<IProxyConfig> proxyConfigs)
    {
        lock (_lock)
        {
            Rebuild();
        }

        Changed?.Invoke();
    }

    private static IEnumerable<string> FindMistakes(Exception? exception) => exception switch
    {
        null => [],
        SpliceConfigurationException found => found.Mistakes,
        AggregateException several => several.InnerExceptions.SelectMany(FindMistakes),
        _ => FindMistakes(exception.InnerException),
    };

    private void Rebuild()
    {
        // Not a constructor argument: the implementation itself needs all IConfigChangeListeners.
        var routes = new List<TcpRoute>();
        foreach (var route in services.GetRequiredService<IProxyStateLookup>().GetRoutes().OrderBy(static route => route.Config.RouteId, StringComparer.Ordinal))
        {
            if (!SpliceMetadata.IsTcpRoute(route.Config))
            {
                continue;
            }

            // Our filter has checked the route, but a later filter may have changed it since.
            var mistakes = new List<string>();
            var read = TcpRouteReader.Read(route.Config, mistakes);
            mistakes.ForEach(mistake => SpliceLog.RouteUnusable(_logger, mistake));
            if (mistakes.Count == 0)
            {
                routes.AddRange(read);
            }
        }

        var conflicts = new List<(TcpRoute LeftOut, TcpRoute Kept)>();
        var table = new TcpRouteTable(routes, conflicts);
        foreach (var (leftOut, kept) in conflicts)
        {
            SpliceLog.PortConflict(_logger, leftOut.RouteId, leftOut.Claim, kept.RouteId, kept.Claim);
        }

        _current = table;
    }
}
