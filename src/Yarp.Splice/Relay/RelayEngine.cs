using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.Limits;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Relay;

/// <summary>Starts sessions on the event loop that accepted their client, counts them, and ends them at shutdown.</summary>
internal sealed partial class RelayEngine : IRelayEngine, IDisposable
{
    private readonly EventLoopGroup _loops;
    private readonly SpliceMetrics _metrics;
    private readonly ILogger _logger;
    private readonly Lazy<RelayWorker[]> _workers;
    private readonly ConcurrentDictionary<(string Route, SpliceMode From, string Reason), bool> _saidFallbacks = new();
    private readonly ThrottledNotice _connectNotices = new(TimeSpan.FromSeconds(10));
    private readonly ThrottledNotice _damageNotices = new(TimeSpan.FromSeconds(10));
    private readonly Lazy<SockmapSupport> _sockmap;
    private readonly Lock _drainLock = new();
    private TaskCompletionSource? _drained;
    private int _sessions;
    private volatile bool _isCut;

    public RelayEngine(
        EventLoopGroup loops,
        IDestinationSelector destinations,
        ConnectionLimits limits,
        SpliceMetrics metrics,
        SessionTable sessions,
        ILoggerFactory loggerFactory)
    {
        _loops = loops;
        Destinations = destinations;
        Limits = limits;
        Sessions = sessions;
        _metrics = metrics;
        _logger = loggerFactory.CreateLogger("Yarp.Splice");
        _workers = new Lazy<RelayWorker[]>(() => [.. _loops.Loops.Select(loop => new RelayWorker(loop, sessions.NewSet(), metrics.NewCounters()))]);
        _sockmap = new Lazy<SockmapSupport>(LoadSockmap);
    }

    public IDestinationSelector Destinations { get; }

    public ConnectionLimits Limits { get; }

    public SessionTable Sessions { get; }

    /// <summary>The thresholds of a direction, asked for once for each. Tests put their own in, to move sessions at unusual places.</summary>
    public Func<SpliceMode, PathPolicy> PolicyOf { get; init; } = PathPolicy.Of;

    /// <summary>Whether Sockmap mode can run. The first to ask loads and probes it, which takes some milliseconds.</summary>
    public SockmapSupport Sockmap => _sockmap.Value;

    /// <summary>
    /// Transfers, of both directions together, before a session is armed: two exchanges of a request and an answer. Arming and disarming cost half
    /// as much again as a short session does (107 µs of CPU time instead of 71), and connections for a single exchange never pay it. Tests arm at
    /// once.
    /// </summary>
    public int TransfersBeforeArming { get; init; } = 4;

    /// <summary>How Sockmap mode is loaded. Tests put a form in, or a refusal.</summary>
    public Func<int, SockmapSupport> Load { get; init; } = SockmapSupport.Load;

    /// <summary>Whether <see cref="Prepare"/> loads it although no route asks for it.</summary>
    public bool LoadAtStart { get; init; }

    /// <summary>Whether accepted sockets have TCP_NODELAY already, from their listening socket.</summary>
    public bool HasClientNoDelay { get; init; }

    public void Prepare(IEnumerable<TcpRoute> routes)
    {
        // Elsewhere no event loop exists, and every mode is copied.
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        if (LoadAtStart)
        {
            _ = Sockmap;
        }

        foreach (var route in routes.Where(static route => route.Mode == SpliceMode.Sockmap || route.PauseImmune))
        {
            // An operator reads the log of the start, not that of the first session.
            if (Sockmap.Program is null && route.PauseImmune)
            {
                SayNotImmune(route, Sockmap.Reason!);
            }
            else if (Sockmap.Program is null)
            {
                SayFallback(route, SpliceMode.Sockmap, SpliceMode.Splice, Sockmap.Reason!);
            }
        }
    }

    public void Start(TcpRoute route, EventLoop loop, int descriptor, ReadOnlyMemory<byte> prefix, ClientFacts client)
    {
        if (!Limits.TryAdmit(route, client, out var hasPlace))
        {
            _ = SocketCalls.Close(descriptor);
            return;
        }

        Interlocked.Increment(ref _sessions);
        if (loop.IsCurrent)
        {
            Begin(route, loop, descriptor, prefix, client, hasPlace);
        }
        else
        {
            loop.Post(_ => Begin(route, loop, descriptor, prefix, client, hasPlace), null);
        }
    }

    public async Task<int> DrainAsync(CancellationToken cancellationToken)
    {
        Task drained;
        lock (_drainLock)
        {
            if (_drained is not { Task.IsCompleted: false })
            {
                // Sessions may have begun since an earlier drain.
                _drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

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
            _isCut = true;
            foreach (var worker in _workers.Value)
            {
                worker.Loop.Post(_ =>
                {
                    foreach (var session in worker.Sessions.ToArray().Cast<RelaySession>())
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

    public void OnConnected(RelaySession session, SelectedDestination destination, TimeSpan elapsed)
    {
        _metrics.Connected(session.Route, destination.DestinationId, elapsed);
        if (_logger.IsEnabled(LogLevel.Debug))
        {
            SpliceLog.SessionConnected(_logger, session.Route.RouteId, destination.DestinationId, PathOf(session.Route));
        }
    }

    public void OnFirstByte(RelaySession session, string destinationId, TimeSpan elapsed) =>
        _metrics.FirstByte(session.Route, destinationId, elapsed);

    public void OnEnded(RelaySession session, string outcome, long bytesToUpstream, long bytesToClient, TimeSpan duration)
    {
        var route = session.Route;
        session.Worker.Sessions.Remove(session);
        if (session.HasPlace)
        {
            Limits.PlacesOf(route).Release();
        }

        _metrics.SessionEnded(route, session.DestinationId, session.FarthestPath, duration, outcome);
        if (Sessions.IsObserved)
        {
            Sessions.Ended(session.Describe());
        }

        if (_logger.IsEnabled(LogLevel.Debug))
        {
            SpliceLog.SessionEnded(_logger, route.RouteId, outcome, bytesToUpstream, bytesToClient, (long)duration.TotalMilliseconds);
        }

        Uncount();
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
        _metrics.PathMoved(route.RouteId, route.ClusterId, isToUpstream ? "upstream" : "client", from.Kind.ToString(), to.Kind.ToString());

    public void ReportFallback(TcpRoute route, SpliceMode requested, SpliceMode effective, string reason)
    {
        _metrics.Fallback(route.RouteId, requested.ToString(), effective.ToString(), reason);
        SayFallback(route, requested, effective, reason);
    }

    /// <summary>A session that <c>Splice:PauseImmune</c> is meant for goes on in user space.</summary>
    public void ReportNotImmune(TcpRoute route, SpliceMode effective, string reason)
    {
        _metrics.Fallback(route.RouteId, nameof(SpliceMode.Sockmap), effective.ToString(), reason);
        SayNotImmune(route, reason);
    }

    public void OnArmed(TcpRoute route, int sessions) => _metrics.Armed(route.RouteId, route.ClusterId, Sockmap.Program!.Form, sessions);

    public void OnSegments(TcpRoute route, uint overlaps, uint refused) => _metrics.Segments(route.RouteId, overlaps, refused);

    public void OnDamaged(TcpRoute route, SockmapFailure failure)
    {
        _metrics.Damaged(route.RouteId, failure);
        if (_damageNotices.ShouldSay(route.RouteId, out var unsaid))
        {
            SpliceLog.Damaged(_logger, route.RouteId, failure, unsaid);
        }
    }

    /// <summary>
    /// Closes the pipes that no session uses, and frees what Sockmap mode holds in the kernel once no loop looks at it any more. Sessions that are
    /// left keep it until the process ends.
    /// </summary>
    public void Dispose()
    {
        var program = _sockmap.IsValueCreated && Volatile.Read(ref _sessions) == 0 ? Sockmap.Program : null;
        if (program is null && !_workers.IsValueCreated)
        {
            return;
        }

        var left = _workers.Value.Length;
        foreach (var worker in _workers.Value)
        {
            worker.Loop.Post(_ =>
            {
                _ = worker.Pipes.CloseIdle();
                if (program is not null)
                {
                    worker.Armed?.Unregister();
                    if (Interlocked.Decrement(ref left) == 0)
                    {
                        program.Dispose();
                    }
                }
            }, null);
        }
    }

    /// <summary>Once for each route and reason.</summary>
    private void SayFallback(TcpRoute route, SpliceMode requested, SpliceMode effective, string reason)
    {
        if (_saidFallbacks.TryAdd((route.RouteId, requested, reason), true))
        {
            SpliceLog.FellBack(_logger, route.RouteId, requested, effective, reason);
        }
    }

    private void SayNotImmune(TcpRoute route, string reason)
    {
        if (_saidFallbacks.TryAdd((route.RouteId, SpliceMode.Auto, reason), true))
        {
            SpliceLog.NotImmune(_logger, route.RouteId, reason);
        }
    }

    private string PathOf(TcpRoute route) =>
        route.Mode == SpliceMode.Sockmap && Sockmap.Program is null ? nameof(SpliceMode.Splice) : route.Mode.ToString();

    private SockmapSupport LoadSockmap()
    {
        var support = Load(_loops.Loops.Count);
        if (support.Program is not { } program)
        {
            return support;
        }

        foreach (var worker in _workers.Value)
        {
            var armed = new SockmapEvents(worker.Loop, program);
            worker.Armed = armed;
            worker.Loop.Post(_ => armed.Register(), null);
        }

        SpliceLog.SockmapLoaded(_logger, program.Form, support.Reason ?? "every capability is there");
        return support;
    }

    private void Begin(TcpRoute route, EventLoop loop, int descriptor, ReadOnlyMemory<byte> prefix, ClientFacts client, bool hasPlace)
    {
        if (_isCut)
        {
            // Handed over while the loop was resetting its sessions, or after that.
            _ = SocketCalls.SetLingerZero(descriptor);
            _ = SocketCalls.Close(descriptor);
            if (hasPlace)
            {
                Limits.PlacesOf(route).Release();
            }

            Uncount();
            return;
        }

        Open(route, loop, descriptor, prefix, client).Begin(hasPlace);
    }

    private RelaySession Open(TcpRoute route, EventLoop loop, int descriptor, ReadOnlyMemory<byte> prefix, ClientFacts client)
    {
        if (client.RemoteEndPoint is IPEndPoint)
        {
            if (!HasClientNoDelay)
            {
                _ = SocketCalls.SetOption(descriptor, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_NODELAY, 1);
            }

            _ = SocketCalls.SetOption(descriptor, SocketCalls.SOL_SOCKET, SocketCalls.SO_OOBINLINE, 1);
            route.SocketOptions?.Apply(descriptor);
        }

        var worker = _workers.Value[loop.Index];
        var session = new RelaySession(this, worker, route, descriptor, prefix, client);
        worker.Sessions.Add(session);
        return session;
    }

    private void Uncount()
    {
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
