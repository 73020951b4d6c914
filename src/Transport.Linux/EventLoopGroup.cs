using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Transport.Linux.EventLoops;
using Transport.Linux.Interop;
using Transport.Linux.Listening;
using Transport.Linux.Metrics;
using Transport.Linux.Numa;

namespace Transport.Linux;

/// <summary>
/// The event loops of the process: as many as <see cref="LinuxTransportOptions.ThreadCount"/> says, shared by every endpoint and by the
/// relays. A singleton of the application's services; the loops start with the first use of <see cref="Loops"/>.
/// </summary>
public sealed partial class EventLoopGroup : IDisposable
{
    private readonly Lazy<EventLoop[]> _loops;
    private readonly Lazy<TransportPlacement> _placement;
    private readonly LinuxTransportOptions _options;
    private readonly ILogger _logger;
    private readonly IHostApplicationLifetime? _lifetime;
    private readonly NumaTopology _nodes;
    private Exception? _failure;
    private LoopWatch? _watch;

    /// <summary>Prepares the loops; no thread is started yet.</summary>
    /// <param name="options">How many loops to run and how to listen.</param>
    /// <param name="loggerFactory">Where to log, under the category <c>Transport.Linux</c>.</param>
    /// <param name="meterFactory">Makes the meter <c>Transport.Linux</c>; without it nothing is published.</param>
    /// <param name="lifetime">The application to stop when a loop fails; without it the log alone says so.</param>
    public EventLoopGroup(
        IOptions<LinuxTransportOptions> options,
        ILoggerFactory loggerFactory,
        IMeterFactory? meterFactory = null,
        IHostApplicationLifetime? lifetime = null)
        : this(options, loggerFactory, meterFactory, lifetime, new NumaTopology())
    {
    }

    internal EventLoopGroup(
        IOptions<LinuxTransportOptions> options,
        ILoggerFactory loggerFactory,
        IMeterFactory? meterFactory,
        IHostApplicationLifetime? lifetime,
        NumaTopology nodes)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggerFactory);
        _options = options.Value;
        _lifetime = lifetime;
        _nodes = nodes;
        _logger = loggerFactory.CreateLogger("Transport.Linux");
        NodeMemory = new NodeMemory(_options.NumaMode, _options.HugePages, _nodes, _logger);
        _placement = new Lazy<TransportPlacement>(() => TransportPlacement.Find(_options, _nodes, NodeMemory));
        _loops = new Lazy<EventLoop[]>(StartLoops);
        if (meterFactory is not null)
        {
            _ = new TransportMetrics(meterFactory, () => _loops.IsValueCreated ? _loops.Value : [], NodeMemory);
        }
    }

    /// <summary>The loops, by their <see cref="EventLoop.Index"/>.</summary>
    /// <exception cref="PlatformNotSupportedException">The operating system is not Linux.</exception>
    public IReadOnlyList<EventLoop> Loops => _loops.Value;

    /// <summary>Where the loops and their buffers are, or will be when they are started.</summary>
    /// <exception cref="PlatformNotSupportedException">The operating system is not Linux.</exception>
    public TransportPlacement Placement => _placement.Value;

    /// <summary>
    /// Why a loop could not go on, or <see langword="null"/> while all of them do. The connections of such a loop are served no more, so the
    /// application is stopped; a program should look here when it has stopped, and end with an exit code that makes its supervisor start it again.
    /// </summary>
    public Exception? Failure => Volatile.Read(ref _failure);

    internal NodeMemory NodeMemory { get; }

    /// <summary>
    /// Listens on an endpoint with every loop: one SO_REUSEPORT socket for each loop on IP endpoints (socket(7)); one shared socket on Unix
    /// endpoints and inherited descriptors.
    /// </summary>
    /// <param name="endPoint">An <see cref="IPEndPoint"/> (port 0 takes a free port), a
    /// <see cref="System.Net.Sockets.UnixDomainSocketEndPoint"/> or a <see cref="Microsoft.AspNetCore.Connections.FileHandleEndPoint"/>.</param>
    /// <param name="handler">Receives the accepted sockets, each on the loop that accepted it.</param>
    /// <returns>The listener; it accepts from now on.</returns>
    /// <exception cref="Microsoft.AspNetCore.Connections.AddressInUseException">Another socket listens there.</exception>
    /// <exception cref="System.Net.Sockets.SocketException">The kernel refused: no permission for a port below
    /// net.ipv4.ip_unprivileged_port_start, an address that is not this machine's, no descriptor left.</exception>
    /// <exception cref="InvalidOperationException">Another process listens since <see cref="HandOverAsync"/>.</exception>
    public SocketListener Listen(EndPoint endPoint, IAcceptHandler handler)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        ArgumentNullException.ThrowIfNull(handler);
        return ListenCore(endPoint, handler);
    }

    /// <summary>Stops the loops' threads. Descriptors that are still registered are left to their owners.</summary>
    public void Dispose()
    {
        if (_loops.IsValueCreated)
        {
            foreach (var loop in _loops.Value)
            {
                loop.Stop();
            }

            _watch?.Dispose();
        }
    }

    private void OnLoopFailed(EventLoop loop, Exception reason)
    {
        if (Interlocked.CompareExchange(ref _failure, reason, null) is null)
        {
            // Not on the loop: what is registered with the stop may wait for it.
            ThreadPool.UnsafeQueueUserWorkItem(static lifetime => lifetime?.StopApplication(), _lifetime, preferLocal: false);
        }
    }

    private EventLoop[] StartLoops()
    {
        var loops = CreateLoops();
        if (_options.ApplicationScheduling == ApplicationScheduling.Adaptive)
        {
            _watch = new LoopWatch(loops, _logger);
            _watch.Start();
        }

        foreach (var loop in loops)
        {
            loop.Watch = _watch;
            loop.Start();
        }

        if (_options.AcceptSteering == AcceptSteering.Cpu && loops is [{ Cpu: null }, ..])
        {
            TransportLog.SteeringWithoutPinning(_logger);
        }

        NodeMemory.LogOnce();
        TransportLog.LoopsStarted(_logger, loops.Length, WorkerPlacement.Describe([.. Placement.Loops.Select(static loop => loop.Cpu)]));
        return loops;
    }

    private EventLoop[] CreateLoops()
    {
        var loops = new List<EventLoop>(Placement.Loops.Count);
        try
        {
            foreach (var loop in Placement.Loops)
            {
                loops.Add(new EventLoop(loop.Index, loop.Cpu, _logger)
                {
                    AllowedCpus = [.. Placement.AllowedCpus],
                    Failed = OnLoopFailed,
                    Locality = NodeLocality.Of(_nodes, loop.Node),
                });
            }
        }
        catch
        {
            loops.ForEach(static loop => loop.Close());
            throw;
        }

        return [.. loops];
    }
}
