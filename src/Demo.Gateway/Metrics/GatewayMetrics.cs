using System.Diagnostics;
using System.Diagnostics.Metrics;
using Demo.Gateway.AccessLog;
using Demo.Gateway.CommandLine;
using Demo.Gateway.Lifecycle;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace Demo.Gateway.Metrics;

/// <summary>The meter <c>Demo.Gateway</c>: what no library's meter has, as YARP's own requests by route and the health of destinations.</summary>
internal sealed class GatewayMetrics
{
    public const string MeterName = "Demo.Gateway";

    private readonly Histogram<double> _requestDuration;

    public GatewayMetrics(IMeterFactory factory, IProxyStateLookup proxy, GatewayLifecycle lifecycle, IServiceProvider services)
    {
        var meter = factory.Create(MeterName);
        _requestDuration = meter.CreateHistogram("gateway.http.request.duration", "s", "How long HTTP requests of a route took.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
            });
        meter.CreateObservableGauge("gateway.destination.healthy", () => Each(proxy, static (_, destination) => IsHealthy(destination) ? 1 : 0),
            "{destination}", "Whether no health check has found fault with the destination: 1 or 0.");
        meter.CreateObservableGauge("gateway.destination.available",
            () => Each(proxy, static (cluster, destination) => cluster.DestinationsState.AvailableDestinations.Contains(destination) ? 1 : 0),
            "{destination}", "Whether the destination gets new sessions and requests: 1 or 0.");
        meter.CreateObservableUpDownCounter("gateway.destination.active", () => Each(proxy, static (_, destination) => destination.ConcurrentRequestCount),
            "{request}", "Sessions and requests that the destination is busy with.");
        meter.CreateObservableGauge("gateway.ready", () => lifecycle.State == GatewayState.Ready ? 1 : 0, "{gateway}",
            "Whether the gateway wants new traffic: 1 or 0.");
        meter.CreateObservableGauge("gateway.info", static () => new Measurement<int>(1, new KeyValuePair<string, object?>("version", Usage.Version)),
            "{gateway}", "Always 1; says the version.");
        meter.CreateObservableCounter("gateway.access_log.dropped", () => services.GetService<AccessLogWriter>()?.Dropped ?? 0, "{line}",
            "Lines of the access log that were not written.");
    }

    /// <summary>Measures each request that YARP has given a route.</summary>
    public void Use(WebApplication application) => application.Use(async (context, next) =>
    {
        var startedAt = Stopwatch.GetTimestamp();
        try
        {
            await next(context);
        }
        finally
        {
            if (_requestDuration.Enabled && context.Features.Get<IReverseProxyFeature>() is { } proxied)
            {
                _requestDuration.Record(Stopwatch.GetElapsedTime(startedAt).TotalSeconds, new TagList
                {
                    { "gateway.route", proxied.Route.Config.RouteId },
                    { "gateway.cluster", proxied.Cluster?.Config.ClusterId },
                    { "gateway.destination", proxied.ProxiedDestination?.DestinationId },
                    { "gateway.status", StatusClass(context.Response.StatusCode) },
                });
            }
        }
    });

    private static string StatusClass(int status) => (status / 100) switch
    {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };

    private static bool IsHealthy(DestinationState destination) =>
        destination.Health.Active != DestinationHealth.Unhealthy && destination.Health.Passive != DestinationHealth.Unhealthy;

    private static IEnumerable<Measurement<int>> Each(IProxyStateLookup proxy, Func<ClusterState, DestinationState, int> read) =>
        from cluster in proxy.GetClusters()
        from destination in cluster.DestinationsState.AllDestinations
        select new Measurement<int>(read(cluster, destination),
            new("gateway.cluster", cluster.ClusterId), new("gateway.destination", destination.DestinationId));
}
