using System.Diagnostics;
using System.Diagnostics.Metrics;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice;

/// <summary>The meter <c>Yarp.Splice</c>. Names and units follow OpenTelemetry's conventions.</summary>
internal sealed class SpliceMetrics
{
    public const string MeterName = "Yarp.Splice";

    /// <summary>Why a connection was closed without a session: no whole ClientHello within <c>Splice:PrereadTimeout</c>.</summary>
    public const string PrereadTimeout = "preread_timeout";

    /// <summary>Why a connection was closed without a session: no route of the port takes its server name.</summary>
    public const string NoRoute = "no_route";

    /// <summary>Why a connection was closed without a session: its route does not take clients from its address.</summary>
    public const string SourceDenied = "source_denied";

    /// <summary>Why a connection was closed without a session: it came past the proxies that are trusted to send a PROXY protocol header.</summary>
    public const string ProxyUntrusted = "proxy_untrusted";

    /// <summary>Why a connection was closed without a session: no PROXY protocol header, or a malformed one.</summary>
    public const string ProxyHeaderMalformed = "proxy_header_malformed";

    /// <summary>Why a connection was closed without a session: no whole PROXY protocol header within <c>Splice:PrereadTimeout</c>.</summary>
    public const string ProxyHeaderTimeout = "proxy_header_timeout";

    /// <summary>Why a connection was closed without a session: its port was closed before it had sent a whole ClientHello.</summary>
    public const string PortClosed = "port_closed";

    private const string RouteTag = "splice.route";
    private const string ClusterTag = "splice.cluster";
    private const string DestinationTag = "splice.destination";
    private const string PathTag = "splice.path";
    private const string DirectionTag = "direction";
    private const string ReasonTag = "splice.reason";
    private const string OutcomeTag = "splice.outcome";
    private const string PortTag = "network.local.port";

    private static readonly double[] s_waitBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
    private static readonly PathKind[] s_paths = Enum.GetValues<PathKind>();

    private readonly Lock _lock = new();
    private readonly Histogram<double> _connectDuration;
    private readonly Histogram<double> _firstByteDuration;
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _prereads;
    private CounterSet[] _counters = [];
    private readonly Counter<long> _fallbacks;
    private readonly Counter<long> _pathMoves;
    private readonly UpDownCounter<long> _armed;
    private readonly Counter<long> _overlaps;
    private readonly Counter<long> _damaged;
    private readonly Counter<long> _connectFailures;
    private readonly Counter<long> _segmentsRefused;
    private readonly Counter<long> _refused;
    private readonly UpDownCounter<long> _queued;
    private readonly Histogram<double> _queueDuration;

    private readonly Meter _meter;

    public SpliceMetrics(IMeterFactory meterFactory)
    {
        var meter = _meter = meterFactory.Create(MeterName);
        meter.CreateObservableUpDownCounter("splice.sessions.active", MeasureActive, "{session}", "Sessions that are connecting or relayed.");
        meter.CreateObservableCounter("splice.bytes", MeasureBytes, "By", "Bytes relayed.");
        meter.CreateObservableCounter("splice.backpressure.time", MeasureStalls, "s",
            "Time that bytes on their way waited for the receiving side, added up over all sessions.");
        _connectDuration = meter.CreateHistogram("splice.connect.duration", "s",
            "From the session's begin until a destination had taken the connection.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = s_waitBuckets });
        _firstByteDuration = meter.CreateHistogram("splice.first_byte.duration", "s",
            "From the connection to the destination until its first byte.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = s_waitBuckets });
        _duration = meter.CreateHistogram("splice.session.duration", "s", "How long sessions lasted.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.01, 0.1, 1, 10, 60, 600, 3600, 36000] });
        _prereads = meter.CreateCounter<long>("splice.prereads", "{connection}", "Connections whose server name was looked for.");
        _fallbacks = meter.CreateCounter<long>("splice.fallbacks", "{session}", "Sessions that took another path than their route's mode asks for.");
        _pathMoves = meter.CreateCounter<long>("splice.path.moves", "{move}", "Moves of one direction of a session from one path to another.");
        _armed = meter.CreateUpDownCounter<long>("splice.sockmap.sessions", "{session}", "Sessions whose bytes the kernel redirects.");
        _overlaps = meter.CreateCounter<long>(
            "splice.sockmap.overlaps", "{segment}", "Segments that overlapped what had come before and were cut, counted when their session ends.");
        _segmentsRefused = meter.CreateCounter<long>(
            "splice.sockmap.refused", "{segment}",
            "Segments whose payload was refused, to be sent again, because the kernel did not limit their sender, counted when their session ends.");
        _damaged = meter.CreateCounter<long>(
            "splice.sockmap.damaged", "{session}", "Sessions that were reset because the kernel did not relay their bytes exactly once.");
        _connectFailures = meter.CreateCounter<long>("splice.connect.failures", "{attempt}", "Attempts to connect to a destination that failed.");
        _refused = meter.CreateCounter<long>("splice.refused", "{connection}", "Connections that were turned away.");
        _queued = meter.CreateUpDownCounter<long>("splice.queue.length", "{connection}", "Clients that wait for a place at their route or at a destination.");
        _queueDuration = meter.CreateHistogram("splice.queue.duration", "s", "How long clients waited for a place.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.01, 0.1, 1, 10, 60] });
    }

    /// <summary>Counters for one more event loop, or for the sessions that have none.</summary>
    public CounterSet NewCounters()
    {
        var set = new CounterSet();
        lock (_lock)
        {
            _counters = [.. _counters, set];
        }

        return set;
    }

    public void Connected(TcpRoute route, string destinationId, TimeSpan elapsed) =>
        _connectDuration.Record(elapsed.TotalSeconds, TagsOf(route.RouteId, route.ClusterId, destinationId));

    public void FirstByte(TcpRoute route, string destinationId, TimeSpan elapsed) =>
        _firstByteDuration.Record(elapsed.TotalSeconds, TagsOf(route.RouteId, route.ClusterId, destinationId));

    public void SessionEnded(TcpRoute route, string? destinationId, PathKind path, TimeSpan duration, string outcome)
    {
        if (_duration.Enabled)
        {
            var tags = TagsOf(route.RouteId, route.ClusterId, destinationId);
            tags.Add(PathTag, path.ToString());
            tags.Add(OutcomeTag, outcome);
            _duration.Record(duration.TotalSeconds, tags);
        }
    }

    /// <summary>A connection's server name was looked for.</summary>
    public void Preread(TcpPort port, bool isAnswered, string? serverName) =>
        CountPreread(port, !isAnswered ? "timeout" : serverName is null ? "no_name" : "name");

    /// <summary>A connection failed before its server name was known.</summary>
    public void PrereadFailed(TcpPort port) => CountPreread(port, "failed");

    public static Measurement<int> HealthOf(string clusterId, string destinationId, bool isHealthy) =>
        new(isHealthy ? 1 : 0, new TagList { { ClusterTag, clusterId }, { DestinationTag, destinationId } });

    public void ObserveHealth(Func<IEnumerable<Measurement<int>>> measure) => _meter.CreateObservableGauge(
        "splice.destination.healthy", measure, description: "1 for a destination of TCP routes that health checks let new sessions go to, 0 for one that they do not.");

    public void Fallback(string routeId, string requested, string effective, string reason) =>
        _fallbacks.Add(1, new TagList
        {
            { RouteTag, routeId }, { "splice.requested", requested }, { "splice.effective", effective }, { ReasonTag, reason },
        });

    public void PathMoved(string routeId, string clusterId, string direction, string from, string to) =>
        _pathMoves.Add(1, new TagList
        {
            { RouteTag, routeId }, { ClusterTag, clusterId }, { DirectionTag, direction }, { "splice.from", from }, { "splice.to", to },
        });

    public void Armed(string routeId, string clusterId, SockmapForm form, int sessions) =>
        _armed.Add(sessions, new TagList { { RouteTag, routeId }, { ClusterTag, clusterId }, { "splice.sockmap.form", form.ToString() } });

    /// <summary>Segments of an armed direction that were not taken in as they came.</summary>
    public void Segments(string routeId, uint overlaps, uint refused)
    {
        var tags = new TagList { { RouteTag, routeId } };
        if (overlaps > 0)
        {
            _overlaps.Add(overlaps, tags);
        }

        if (refused > 0)
        {
            _segmentsRefused.Add(refused, tags);
        }
    }

    public void Damaged(string routeId, SockmapFailure failure) =>
        _damaged.Add(1, new TagList { { RouteTag, routeId }, { ReasonTag, failure.ToString() } });

    public void ConnectFailed(string routeId, string clusterId, string destinationId, string reason) =>
        _connectFailures.Add(1, new TagList
        {
            { RouteTag, routeId }, { ClusterTag, clusterId }, { DestinationTag, destinationId }, { ReasonTag, reason },
        });

    public void Refused(string routeId, string reason) =>
        _refused.Add(1, new TagList { { RouteTag, routeId }, { ReasonTag, reason } });

    public void Queued(string routeId, int clients) => _queued.Add(clients, new TagList { { RouteTag, routeId } });

    public void QueueEnded(string routeId, double seconds, string outcome) =>
        _queueDuration.Record(seconds, new TagList { { RouteTag, routeId }, { OutcomeTag, outcome } });

    /// <summary>A connection of which no route is known.</summary>
    public void Refused(TcpPort port, string reason) =>
        _refused.Add(1, new TagList { { PortTag, port.Port }, { ReasonTag, reason } });

    private static TagList TagsOf(string routeId, string clusterId, string? destinationId)
    {
        var tags = new TagList { { RouteTag, routeId }, { ClusterTag, clusterId } };
        if (destinationId is not null)
        {
            tags.Add(DestinationTag, destinationId);
        }

        return tags;
    }

    private void CountPreread(TcpPort port, string result) =>
        _prereads.Add(1, new TagList { { PortTag, port.Port }, { "splice.result", result } });

    private IEnumerable<Measurement<long>> MeasureActive()
    {
        foreach (var (key, counters) in Gather())
        {
            foreach (var path in s_paths)
            {
                if (counters.Exists(one => one.Active(path) != 0) || (path == PathKind.Copy && key.DestinationId is not null))
                {
                    var tags = TagsOf(key.RouteId, key.ClusterId, key.DestinationId);
                    tags.Add(PathTag, path.ToString());
                    yield return new Measurement<long>(counters.Sum(one => one.Active(path)), tags);
                }
            }
        }
    }

    private IEnumerable<Measurement<long>> MeasureBytes()
    {
        foreach (var (key, counters) in Gather().Where(static pair => pair.Key.DestinationId is not null))
        {
            foreach (var path in s_paths)
            {
                foreach (var isToUpstream in new[] { true, false })
                {
                    if (counters.Sum(one => one.Bytes(isToUpstream, path).Read()) is > 0 and var bytes)
                    {
                        var tags = TagsOf(key.RouteId, key.ClusterId, key.DestinationId);
                        tags.Add(PathTag, path.ToString());
                        tags.Add(DirectionTag, isToUpstream ? "upstream" : "client");
                        yield return new Measurement<long>(bytes, tags);
                    }
                }
            }
        }
    }

    private IEnumerable<Measurement<double>> MeasureStalls()
    {
        foreach (var (key, counters) in Gather().Where(static pair => pair.Key.DestinationId is not null))
        {
            foreach (var isToUpstream in new[] { true, false })
            {
                var tags = TagsOf(key.RouteId, key.ClusterId, key.DestinationId);
                tags.Add(DirectionTag, isToUpstream ? "upstream" : "client");
                var ms = counters.Sum(one => (isToUpstream ? one.StalledToUpstreamMs : one.StalledToClientMs).Read());
                yield return new Measurement<double>(ms / 1000d, tags);
            }
        }
    }

    /// <summary>The counters of all event loops, by what they have in common.</summary>
    private Dictionary<CounterKey, List<SessionCounters>> Gather()
    {
        var gathered = new Dictionary<CounterKey, List<SessionCounters>>();
        foreach (var (key, counters) in Volatile.Read(ref _counters).SelectMany(static set => set.All))
        {
            if (!gathered.TryGetValue(key, out var list))
            {
                gathered.Add(key, list = []);
            }

            list.Add(counters);
        }

        return gathered;
    }
}
