using System.Diagnostics;
using System.Diagnostics.Metrics;
using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Routing;

namespace Yarp.Splice;

/// <summary>The meter <c>Yarp.Splice</c>. Names and units follow OpenTelemetry's conventions.</summary>
internal sealed class SpliceMetrics
{
    public const string MeterName = "Yarp.Splice";

    /// <summary>Why a connection was closed without a session: no whole ClientHello within <c>Splice:PrereadTimeout</c>.</summary>
    public const string PrereadTimeout = "preread_timeout";

    /// <summary>Why a connection was closed without a session: no route of the port takes its server name.</summary>
    public const string NoRoute = "no_route";

    private const string RouteTag = "splice.route";
    private const string ClusterTag = "splice.cluster";
    private const string DestinationTag = "splice.destination";
    private const string PathTag = "splice.path";
    private const string DirectionTag = "direction";
    private const string ReasonTag = "splice.reason";

    private readonly UpDownCounter<long> _active;
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _fallbacks;
    private readonly Counter<long> _pathMoves;
    private readonly UpDownCounter<long> _armed;
    private readonly Counter<long> _overlaps;
    private readonly Counter<long> _damaged;
    private readonly Counter<long> _connectFailures;
    private readonly Counter<long> _refused;

    public SpliceMetrics(IMeterFactory meterFactory)
    {
        var meter = meterFactory.Create(MeterName);
        _active = meter.CreateUpDownCounter<long>("splice.sessions.active", "{session}", "Sessions that are connecting or relayed.");
        _duration = meter.CreateHistogram("splice.session.duration", "s", "How long sessions lasted.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.01, 0.1, 1, 10, 60, 600, 3600, 36000] });
        _bytes = meter.CreateCounter<long>("splice.bytes", "By", "Bytes relayed, counted when their session ends.");
        _fallbacks = meter.CreateCounter<long>("splice.fallbacks", "{session}", "Sessions that took another path than their route's mode asks for.");
        _pathMoves = meter.CreateCounter<long>("splice.path.moves", "{move}", "Moves of one direction of a session from one path to another.");
        _armed = meter.CreateUpDownCounter<long>("splice.sockmap.sessions", "{session}", "Sessions whose bytes the kernel redirects.");
        _overlaps = meter.CreateCounter<long>(
            "splice.sockmap.overlaps", "{segment}", "Segments that overlapped what had come before and were cut, counted when their session ends.");
        _damaged = meter.CreateCounter<long>(
            "splice.sockmap.damaged", "{session}", "Sessions that were reset because the kernel did not relay their bytes exactly once.");
        _connectFailures = meter.CreateCounter<long>("splice.connect.failures", "{attempt}", "Attempts to connect to a destination that failed.");
        _refused = meter.CreateCounter<long>("splice.refused", "{connection}", "Connections that were closed without a session.");
    }

    public void SessionStarted(string routeId, string clusterId, string path) =>
        _active.Add(1, new TagList { { RouteTag, routeId }, { ClusterTag, clusterId }, { PathTag, path } });

    public void SessionEnded(
        string routeId, string clusterId, string path, long bytesToUpstream, long bytesToClient, double seconds, string outcome)
    {
        var tags = new TagList { { RouteTag, routeId }, { ClusterTag, clusterId }, { PathTag, path } };
        _active.Add(-1, tags);
        AddBytes(tags, "upstream", bytesToUpstream);
        AddBytes(tags, "client", bytesToClient);
        tags.Add("splice.outcome", outcome);
        _duration.Record(seconds, tags);
    }

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

    public void Overlaps(string routeId, long segments)
    {
        if (segments > 0)
        {
            _overlaps.Add(segments, new TagList { { RouteTag, routeId } });
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

    /// <summary>A connection of which no route is known.</summary>
    public void Refused(TcpPort port, string reason) =>
        _refused.Add(1, new TagList { { "network.local.port", port.Port }, { ReasonTag, reason } });

    private void AddBytes(TagList tags, string direction, long count)
    {
        if (count > 0)
        {
            tags.Add(DirectionTag, direction);
            _bytes.Add(count, tags);
        }
    }
}
