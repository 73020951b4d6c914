using System.Diagnostics;
using System.Reflection;
using Demo.Gateway.AccessLog;
using Demo.Gateway.Lifecycle;
using Demo.Gateway.Metrics;
using Demo.Gateway.Upgrade;
using Transport.Linux;
using Yarp.ReverseProxy;
using Yarp.Splice;

namespace Demo.Gateway.Admin;

/// <summary>What the JSON of the admin endpoint says about the gateway as it is now.</summary>
internal sealed class AdminViews(
    IProxyStateLookup proxy, ISessionTable sessions, DestinationDrain drain, GatewayLifecycle lifecycle, UpgradeState upgrade, MetricReadings metrics, EventLoopGroup? loops = null)
{
    private const string Locality = "transport_linux_connections_locality_total";
    private const string ModeKey = "Splice.Mode";

    private static readonly string[] s_livePrefixes = ["gateway_", "splice_", "transport_linux_"];
    private static readonly string s_version =
        typeof(AdminViews).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";

    private readonly long _startedAt = Stopwatch.GetTimestamp();

    public static object Describe(SessionRecord session) => new
    {
        id = session.Id,
        acceptedAt = session.AcceptedAt,
        client = AccessLogFields.Show(session.ClientEndPoint),
        local = AccessLogFields.Show(session.LocalEndPoint),
        serverName = session.ServerName,
        route = session.RouteId,
        cluster = session.ClusterId,
        mode = session.Mode?.ToString(),
        destination = session.DestinationId,
        address = AccessLogFields.Show(session.DestinationEndPoint),
        attempts = session.Attempts,
        prereadMs = session.PrereadTime.TotalMilliseconds,
        connectMs = session.ConnectTime?.TotalMilliseconds,
        firstByteMs = session.FirstByteTime?.TotalMilliseconds,
        durationMs = session.Duration.TotalMilliseconds,
        bytesToUpstream = session.BytesToUpstream,
        bytesToClient = session.BytesToClient,
        pathToUpstream = session.PathToUpstream,
        pathToClient = session.PathToClient,
        pathMoves = session.PathMoves,
        pathReason = session.PathReason,
        worker = session.Worker,
    };

    /// <summary>The gateway's own metrics, to be drawn.</summary>
    public object Live() => new
    {
        now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
        uptime = Stopwatch.GetElapsedTime(_startedAt).TotalSeconds,
        version = s_version,
        state = lifecycle.State.ToString().ToLowerInvariant(),
        upgrade = upgrade.Describe(),
        sessions = sessions.Count,
        metrics = metrics.Families
            .Where(static pair => s_livePrefixes.Any(prefix => pair.Family.Name.StartsWith(prefix, StringComparison.Ordinal)))
            .ToDictionary(static pair => pair.Family.Name, static pair => new
            {
                bounds = pair.Family.Kind == MetricKind.Histogram ? pair.Family.Bounds : null,
                series = pair.Series.Select(series => new
                {
                    labels = series.Labels.ToDictionary(),
                    value = series.Value,
                    counts = pair.Family.Kind == MetricKind.Histogram ? series.CumulativeCounts() : null,
                }),
            }),
    };

    public object Routes()
    {
        var active = SumBy("splice_sessions_active", "splice_route");
        return proxy.GetRoutes().OrderBy(static route => route.Config.RouteId, StringComparer.Ordinal).Select(route =>
        {
            var config = route.Config;
            var mode = config.Metadata?.GetValueOrDefault(ModeKey);
            return new
            {
                id = config.RouteId,
                kind = mode is null ? "http" : "tcp",
                cluster = config.ClusterId,
                mode,
                hosts = config.Match.Hosts,
                path = config.Match.Path,
                active = mode is null ? (double?)null : active.GetValueOrDefault(config.RouteId),
            };
        });
    }

    public object Destinations() =>
        from cluster in proxy.GetClusters().OrderBy(static cluster => cluster.ClusterId, StringComparer.Ordinal)
        let available = cluster.DestinationsState.AvailableDestinations
        from destination in cluster.DestinationsState.AllDestinations.OrderBy(static destination => destination.DestinationId, StringComparer.Ordinal)
        select new
        {
            cluster = cluster.ClusterId,
            id = destination.DestinationId,
            address = destination.Model.Config.Address,
            activeHealth = destination.Health.Active.ToString().ToLowerInvariant(),
            passiveHealth = destination.Health.Passive.ToString().ToLowerInvariant(),
            available = available.Contains(destination),
            draining = drain.IsDrained(cluster.ClusterId, destination.DestinationId),
            active = destination.ConcurrentRequestCount,
        };

    public object Workers()
    {
        var busy = SumBy("transport_linux_loop_busy_seconds_total", "worker");
        var descriptors = SumBy("transport_linux_loop_descriptors", "worker");
        var connections = SumBy("transport_linux_connections_active", "worker");
        var accepted = SumBy("transport_linux_connections_accepted_total", "worker");
        var compared = SumBy(Locality, "worker");
        var local = SumBy(Locality, "worker", ("locality", "local"));
        return (Placement?.Loops ?? []).Select(loop =>
        {
            var name = loop.Index.ToString(System.Globalization.CultureInfo.InvariantCulture);
            return new
            {
                worker = loop.Index,
                cpu = loop.Cpu,
                node = loop.Node,
                bufferNode = loop.BufferNode,
                busySeconds = busy.GetValueOrDefault(name),
                descriptors = descriptors.GetValueOrDefault(name),
                httpConnections = connections.GetValueOrDefault(name),
                accepted = accepted.GetValueOrDefault(name),
                nodeLocal = compared.GetValueOrDefault(name) is var of and > 0 ? local.GetValueOrDefault(name) / of : (double?)null,
            };
        });
    }

    public object Topology() => new
    {
        allowedCpus = Placement?.AllowedCpus ?? [],
        nodes = (Placement?.Nodes ?? []).Select(static node => new { node = node.Number, cpus = node.Cpus }),
        hugePagesObstacle = Placement?.HugePagesObstacle,
        workers = (Placement?.Loops ?? []).Count,
        processors = Environment.ProcessorCount,
        kernel = Environment.OSVersion.VersionString,
        runtime = System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription,
    };

    private TransportPlacement? Placement => OperatingSystem.IsLinux() ? loops?.Placement : null;

    private Dictionary<string, double> SumBy(string family, string label, (string Label, string Value)? only = null) => metrics.Families
        .Where(pair => pair.Family.Name == family)
        .SelectMany(static pair => pair.Series)
        .Where(series => only is not { } wanted || series.Labels.Contains(new KeyValuePair<string, string>(wanted.Label, wanted.Value)))
        .GroupBy(series => series.Labels.FirstOrDefault(pair => pair.Key == label).Value ?? "", StringComparer.OrdinalIgnoreCase)
        .ToDictionary(static group => group.Key, static group => group.Sum(static series => series.Value), StringComparer.OrdinalIgnoreCase);
}
