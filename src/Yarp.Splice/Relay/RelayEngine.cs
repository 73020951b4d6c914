using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Relay;

/// <summary>Starts sessions on the event loop that accepted their client, counts them, and ends them at shutdown.</summary>
internal sealed class RelayEngine : IRelayEngine
{
    public const string NoPipe = "no pipe of at least 64 KiB can be had (descriptor limit, or fs.pipe-user-pages-soft)";
    private const string NotBuilt = "this version has no such path yet";

    private readonly EventLoopGroup _loops;
    private readonly SpliceMetrics _metrics;
    private readonly ILogger _logger;
    private readonly Lazy<RelayWorker[]> _workers;
    private readonly ConcurrentDictionary<string, int> _sessionsByRoute = new();
    private readonly ConcurrentDictionary<(string Route, SpliceMode From, string Reason), bool> _saidFallbacks = new();
    private readonly ThrottledNotice _connectNotices = new(TimeSpan.FromSeconds(10));
    private readonly ThrottledNotice _limitNotices = new(TimeSpan.FromSeconds(10));
    private readonly Lock _drainLock = new();
    private TaskCompletionSource? _drained;
    private int _sessions;

    public RelayEngine(EventLoopGroup loops, IDestinationSelector destinations, SpliceMetrics metrics, ILoggerFactory loggerFactory)
    {
        _loops = loops;
        Destinations = destinations;
        _metrics = metrics;
        _logger = loggerFactory.CreateLogger("Yarp.Splice");
        _workers = new Lazy<RelayWorker[]>(() => [.. _loops.Loops.Select(static loop => new RelayWorker(loop))]);
    }

    public IDestinationSelector Destinations { get; }

    /// <summary>The thresholds of a direction, asked for once for each. Tests put their own in, to move sessions at unusual places.</summary>
    public Func<SpliceMode, PathPolicy> PolicyOf { get; init; } = PathPolicy.Of;

    public void Start(TcpRoute route, EventLoop loop, int descriptor, ReadOnlyMemory<byte> prefix, EndPoint? remoteEndPoint)
    {
        if (!TryCount(route))
        {
            _ = SocketCalls.Close(descriptor);
            return;
        }

        if (loop.IsCurrent)
        {
            Begin(route, loop, descriptor, prefix, remoteEndPoint);
        }
        else
        {
            loop.Post(_ => Begin(route, loop, descriptor, prefix, remoteEndPoint), null);
        }
    }

    public async Task<int> DrainAsync(CancellationToken cancellationToken)
    {
        Task drained;
        lock (_drainLock)
        {
            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            drained = _drained.Task;
        }

        CheckDrained();
        try
        {
            await drained.WaitAsync(cancellationToken);
            return 0;
        }
        catch (OperationCanceledException)
        {
            var cut = 0;
            foreach (var worker in _workers.Value)
            {
                worker.Loop.Post(_ =>
                {
                    foreach (var session in worker.Sessions.ToArray())
                    {
                        Interlocked.Increment(ref cut);
                        session.Cut(RelayOutcome.Drain);
                    }
                }, null);
            }

            await drained;
            return cut;
        }
    }

    public void OnConnected(RelaySession session, SelectedDestination destination)
    {
        if (_logger.IsEnabled(LogLevel.Debug))
        {
            SpliceLog.SessionConnected(_logger, session.Route.RouteId, destination.DestinationId, PathOf(session.Route));
        }
    }

    public void OnEnded(RelaySession session, string outcome, long bytesToUpstream, long bytesToClient, TimeSpan duration)
    {
        var route = session.Route;
        session.Worker.Sessions.Remove(session);
        _metrics.SessionEnded(
            route.RouteId, route.ClusterId, PathOf(route), bytesToUpstream, bytesToClient, duration.TotalSeconds, outcome);
        if (_logger.IsEnabled(LogLevel.Debug))
        {
            SpliceLog.SessionEnded(_logger, route.RouteId, outcome, bytesToUpstream, bytesToClient, (long)duration.TotalMilliseconds);
        }

        Uncount(route);
    }

    public void OnConnectFailed(TcpRoute route, SelectedDestination destination, string reason)
    {
        _metrics.ConnectFailed(route.RouteId, route.ClusterId, destination.DestinationId, reason);
        if (_logger.IsEnabled(LogLevel.Debug))
        {
            SpliceLog.ConnectFailed(_logger, route.RouteId, destination.DestinationId, reason);
        }
    }

    public void OnGaveUp(TcpRoute route, int attempts, string reason)
    {
        if (_connectNotices.ShouldSay(route.RouteId, out var unsaid))
        {
            SpliceLog.GaveUp(_logger, route.RouteId, attempts, reason, unsaid);
        }
    }

    public void OnPathMove(TcpRoute route, bool isToUpstream, RelayPath from, RelayPath to) =>
        _metrics.PathMoved(route.RouteId, route.ClusterId, isToUpstream ? "upstream" : "client", from.Name, to.Name);

    public void ReportFallback(TcpRoute route, SpliceMode requested, SpliceMode effective, string reason)
    {
        _metrics.Fallback(route.RouteId, requested.ToString(), effective.ToString(), reason);
        if (_saidFallbacks.TryAdd((route.RouteId, requested, reason), true))
        {
            SpliceLog.FellBack(_logger, route.RouteId, requested, effective, reason);
        }
    }

    private static string PathOf(TcpRoute route) =>
        route.Mode == SpliceMode.Sockmap ? nameof(SpliceMode.Splice) : route.Mode.ToString();

    private void Begin(TcpRoute route, EventLoop loop, int descriptor, ReadOnlyMemory<byte> prefix, EndPoint? remoteEndPoint)
    {
        if (route.Mode == SpliceMode.Sockmap)
        {
            ReportFallback(route, route.Mode, SpliceMode.Splice, NotBuilt);
        }

        if (remoteEndPoint is IPEndPoint)
        {
            _ = SocketCalls.SetOption(descriptor, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_NODELAY, 1);
        }

        var worker = _workers.Value[loop.Index];
        var session = new RelaySession(this, worker, route, descriptor, prefix, remoteEndPoint);
        worker.Sessions.Add(session);
        _metrics.SessionStarted(route.RouteId, route.ClusterId, PathOf(route));
        session.Begin();
    }

    private bool TryCount(TcpRoute route)
    {
        var sessions = _sessionsByRoute.AddOrUpdate(route.RouteId, 1, static (_, count) => count + 1);
        Interlocked.Increment(ref _sessions);
        if (route.MaxConnections is not { } limit || sessions <= limit)
        {
            return true;
        }

        Uncount(route);
        _metrics.Refused(route.RouteId, "max_connections");
        if (_limitNotices.ShouldSay(route.RouteId, out var unsaid))
        {
            SpliceLog.LimitReached(_logger, route.RouteId, limit, unsaid);
        }

        return false;
    }

    private void Uncount(TcpRoute route)
    {
        _sessionsByRoute.AddOrUpdate(route.RouteId, 0, static (_, count) => count - 1);
        if (Interlocked.Decrement(ref _sessions) == 0)
        {
            CheckDrained();
        }
    }

    private void CheckDrained()
    {
        lock (_drainLock)
        {
            if (Volatile.Read(ref _sessions) == 0)
            {
                _drained?.TrySetResult();
            }
        }
    }
}
