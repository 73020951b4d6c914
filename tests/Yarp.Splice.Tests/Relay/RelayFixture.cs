using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Transport.Linux;
using Yarp.ReverseProxy.Model;
using Yarp.Splice.Limits;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Paths;
using Yarp.Splice.Relay.Sockmap;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Tests.Relay;

/// <summary>
/// The real engine on real event loops, one listening port for clients and one for the destination, both on loopback. Destinations are tried in
/// the order given.
/// </summary>
internal sealed partial class RelayFixture : IAsyncDisposable, IAcceptHandler, IDestinationSelector, ISessionObserver
{
    private readonly ServiceProvider _services;
    private readonly EventLoopGroup _loops;
    private readonly SocketListener _listener;
    private readonly List<SelectedDestination> _destinations = [];
    private readonly DestinationPlaces _places = new();
    private readonly byte[] _prefix;

    private RelayFixture(SpliceMode mode, Func<TcpRoute, TcpRoute>? configure, byte[]? prefix, string[]? addresses, EngineSettings settings)
    {
        Upstream = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Upstream.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Upstream.Listen(512);
        var upstreamPort = ((IPEndPoint)Upstream.LocalEndPoint!).Port;
        foreach (var address in addresses ?? ["tcp://127.0.0.1:{port}"])
        {
            var text = address.Replace("{port}", $"{upstreamPort}", StringComparison.Ordinal);
            Assert.True(DestinationAddress.TryParse(text, out var parsed, out var error), error);
            _destinations.Add(new SelectedDestination(new DestinationState($"d{_destinations.Count}"), parsed!)
            {
                MaxConnections = settings.MaxConnectionsPerDestination,
            });
        }

        _prefix = prefix ?? [];
        // A machine that stands still for some seconds is no destination that does not answer.
        var route = new TcpRoute { RouteId = "route", ClusterId = "cluster", Mode = mode, Port = 1, ConnectTimeout = Deadline };
        Route = configure?.Invoke(route) ?? route;
        _services = new ServiceCollection().AddMetrics().AddLogging().BuildServiceProvider();
        _loops = new EventLoopGroup(Options.Create(new LinuxTransportOptions { ThreadCount = 2 }), Log);
        var meters = _services.GetRequiredService<IMeterFactory>();
        Metrics = new SpliceReadings(meters);
        var metrics = new SpliceMetrics(meters);
        Sessions = new SessionTable(metrics, [this]);
        Engine = new RelayEngine(_loops, this, new ConnectionLimits(metrics, Sessions, Log), metrics, Sessions, Log)
        {
            PolicyOf = settings.PolicyOf,
            TransfersBeforeArming = settings.TransfersBeforeArming,
            Load = settings.Load,
        };
        _listener = _loops.Listen(new IPEndPoint(IPAddress.Loopback, 0), this);
    }

    public static readonly TimeSpan Deadline = Testing.Deadline.OnThisMachine(TimeSpan.FromSeconds(30));

    public RelayEngine Engine { get; }

    public SessionTable Sessions { get; }

    /// <summary>The sessions that have ended, in that order.</summary>
    public ConcurrentQueue<SessionRecord> Ended { get; } = new();

    /// <summary>What new clients are served by. A test may put another in, as a reload does.</summary>
    public TcpRoute Route { get; set; }

    /// <summary>What was told of the destinations for passive health checks.</summary>
    public ConcurrentQueue<(string DestinationId, bool IsConnected)> Reports { get; } = new();

    public IReadOnlyList<SelectedDestination> Destinations => _destinations;

    /// <summary>The destination's listening socket.</summary>
    public Socket Upstream { get; }

    public RecordingLoggerFactory Log { get; } = new();

    public SpliceReadings Metrics { get; }

    /// <summary>Directions that were ever handed to the kernel.</summary>
    public long ArmedDirections => Metrics.Sum("splice.path.moves", ("splice.to", nameof(SpliceMode.Sockmap)));

    /// <summary>The array that the last session was started with.</summary>
    public WeakReference? LastPrefix { get; private set; }

    /// <summary>Holds the event loop of a new session up, after its first attempt to connect was begun and before the loop looks at the outcome.</summary>
    public WaitHandle? HoldAfterStart { get; set; }

    /// <summary>Sessions that are counted on a destination.</summary>
    public int Acquired => _destinations.Sum(static destination => destination.State.ConcurrentRequestCount);

    public static RelayFixture Create(
        SpliceMode mode, Func<TcpRoute, TcpRoute>? configure = null, byte[]? prefix = null, params string[] addresses) =>
        new(mode, configure, prefix, addresses.Length == 0 ? null : addresses, new EngineSettings());

    /// <summary>Moves sessions between Copy and Splice where the mode's own thresholds would not.</summary>
    public static RelayFixture Create(Func<SpliceMode, PathPolicy> policyOf) =>
        new(SpliceMode.Auto, null, null, null, new EngineSettings { PolicyOf = policyOf });

    /// <summary>Mode Sockmap in one of its forms, or with a refusal, armed when the product arms.</summary>
    public static RelayFixture CreateSockmap(Func<int, SockmapSupport> load) =>
        new(SpliceMode.Sockmap, null, null, null, new EngineSettings { Load = load, TransfersBeforeArming = 4 });

    /// <summary>Mode Sockmap in one of its forms, armed when the product arms.</summary>
    public static RelayFixture CreateSockmap(string form) =>
        CreateSockmap(loops => SockmapSupport.Load(Enum.Parse<SockmapForm>(form), loops, null));

    /// <summary>Mode Sockmap in one of its forms, armed at once.</summary>
    public static RelayFixture CreateArmedAtOnce(SockmapForm form) =>
        new(SpliceMode.Sockmap, null, null, null, new EngineSettings { Load = loops => SockmapSupport.Load(form, loops, null) });

    /// <summary>Mode Auto with Splice:PauseImmune.</summary>
    public static RelayFixture CreatePauseImmune(Func<int, SockmapSupport> load) =>
        new(SpliceMode.Auto, static route => route with { PauseImmune = true }, null, null, new EngineSettings { Load = load });

    /// <summary>Destinations that take so many sessions each.</summary>
    public static RelayFixture CreateLimited(int maxConnectionsPerDestination, RouteLimits limits, params string[] addresses) => new(
        SpliceMode.Splice,
        route => route with { Limits = limits },
        null,
        addresses.Length == 0 ? null : addresses,
        new EngineSettings { MaxConnectionsPerDestination = maxConnectionsPerDestination });

    public async Task<Socket> ConnectAsync()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await client.ConnectAsync(_listener.EndPoint).WaitAsync(Deadline);
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    public async Task<Socket> AcceptAsync()
    {
        var socket = await Upstream.AcceptAsync().WaitAsync(Deadline);
        socket.NoDelay = true;
        return socket;
    }

    public async Task<(Socket Client, Socket Server)> ConnectPairAsync()
    {
        var client = await ConnectAsync();
        return (client, await AcceptAsync());
    }

    /// <summary>A session that the kernel relays, after two exchanges of one byte.</summary>
    public async Task<(Socket Client, Socket Server)> ConnectArmedPairAsync()
    {
        var before = ArmedDirections;
        var (client, server) = await ConnectPairAsync();
        for (var i = 0; i < 2; i++)
        {
            await client.SendAllAsync("u"u8.ToArray());
            await server.ReceiveExactlyAsync(1);
            await server.SendAllAsync("d"u8.ToArray());
            await client.ReceiveExactlyAsync(1);
        }

        Assert.True(await Task.Run(() => SpinWait.SpinUntil(() => ArmedDirections == before + 2, Deadline)),
            $"{ArmedDirections - before} directions armed; {string.Join('\n', Log.Entries)}");
        return (client, server);
    }

    /// <summary>Waits until no session is left, which every test must reach by itself.</summary>
    public Task WaitUntilIdleAsync() => Engine.DrainAsync(CancellationToken.None).WaitAsync(Deadline);

    /// <summary>How the sessions ended that did not finish, and what the relay complained of: for the message of a test that fails.</summary>
    public string DescribeEnds() => string.Join(
        "; ",
        Ended.Where(static session => session.Outcome != RelayOutcome.Finished)
            .Select(static session => $"{session.Outcome} by {session.ClosedBy} after {session.Duration}, {session.BytesToUpstream} up, {session.BytesToClient} down, {session.PathReason}")
            .Concat(Log.Complaints));

    /// <summary>The kernel's numbers of the event loops' threads.</summary>
    public async Task<int[]> GetLoopThreadsAsync()
    {
        var threads = _loops.Loops.Select(static loop =>
        {
            var number = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
            loop.Post(_ => number.SetResult(CurrentThread()), null);
            return number.Task;
        });
        return await Task.WhenAll(threads).WaitAsync(Deadline);
    }

    /// <summary>Starts a session with a client's socket that another listener has accepted, and takes the socket over.</summary>
    public void Start(Socket client)
    {
        client.Blocking = false;
        Engine.Start(Route, _loops.Loops[0], (int)client.Handle, _prefix, new ClientFacts(client.RemoteEndPoint));
        client.SafeHandle.SetHandleAsInvalid();
    }

    public void OnAccepted(in AcceptedSocket socket)
    {
        var prefix = _prefix.ToArray();
        LastPrefix = new WeakReference(prefix);
        Engine.Start(Route, socket.Loop, socket.Descriptor, prefix, new ClientFacts(socket.GetRemoteEndPoint()).Locate(socket.Descriptor));
        if (HoldAfterStart is { } hold)
        {
            socket.Loop.Post(_ => hold.WaitOne(Deadline), null);
        }
    }

    public void OnEnded(SessionRecord session) => Ended.Enqueue(session);

    public SelectedDestination? Select(TcpRoute route, ClientFacts client, IReadOnlyCollection<string> tried) =>
        _destinations.Find(destination => !tried.Contains(destination.DestinationId) && !destination.IsFull);

    public bool TryAcquire(SelectedDestination destination) => _places.TryTake(destination);

    public WaitAnswer TryWait(TcpRoute route, IReadOnlyCollection<string> tried, IWaitingClient? client)
    {
        var full = _destinations.FindAll(destination => !tried.Contains(destination.DestinationId) && destination.MaxConnections is not null);
        return full.Count == 0 ? WaitAnswer.NoDestination : _places.TryWait(full, client) ? WaitAnswer.Full : WaitAnswer.PickAgain;
    }

    public bool Leave(TcpRoute route, IWaitingClient client) => _places.Leave(client);

    public void Release(SelectedDestination destination) => _places.Release(destination, isAvailable: true);

    public void Report(TcpRoute route, ClientFacts client, SelectedDestination destination, bool isConnected) =>
        Reports.Enqueue((destination.DestinationId, isConnected));

    public async ValueTask DisposeAsync()
    {
        await _listener.StopAsync().WaitAsync(Deadline);
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await Engine.DrainAsync(now.Token).WaitAsync(Deadline);
        Engine.Dispose();
        _loops.Dispose();
        Upstream.Dispose();
        Metrics.Dispose();
        await _services.DisposeAsync();
        Assert.Equal(0, Acquired);
        Assert.False(Log.Entries.Any(static entry => entry.Level >= LogLevel.Error), DescribeEnds());
    }

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int CurrentThread();

    /// <summary>What tests change of the engine: Sockmap arms at once where nothing else is said, so that every test meets it.</summary>
    private sealed record EngineSettings
    {
        public Func<SpliceMode, PathPolicy> PolicyOf { get; init; } = PathPolicy.Of;

        public Func<int, SockmapSupport> Load { get; init; } = SockmapSupport.Load;

        public int TransfersBeforeArming { get; init; }

        public int? MaxConnectionsPerDestination { get; init; }
    }
}
