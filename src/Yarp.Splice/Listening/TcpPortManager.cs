using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Yarp.Splice.Relay;
using Yarp.Splice.Relay.Managed;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Listening;

/// <summary>
/// Keeps the ports that only TCP routes use in line with the configuration: opened once Kestrel has its own, changed with every reload, tried again
/// where the machine refused, given to Kestrel where it wants one, closed first when the host stops.
/// </summary>
internal sealed class TcpPortManager(
    TcpRoutes routes,
    IPortOpener opener,
    IRelayEngine relay,
    ManagedRelay managedRelay,
    ILoggerFactory loggerFactory,
    IServer? server = null,
    IConfiguration? configuration = null) : IHostedLifecycleService, IDisposable
{
    private static readonly TimeSpan s_recheckInterval = TimeSpan.FromSeconds(1);

    /// <summary>Kestrel gives connections of an endpoint that goes five seconds before it says that the port is free, and says it to nobody.</summary>
    private static readonly TimeSpan s_kestrelTime = TimeSpan.FromSeconds(10);

    private readonly ILogger _logger = loggerFactory.CreateLogger(SpliceLog.Category);
    /// <summary>Not disposed, which it needs only if its wait handle was used: a host that is disposed of while it stops still gives it back.</summary>
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Dictionary<TcpPort, IOpenPort> _open = [];
    private HashSet<(string RouteId, string Claim)> _taken = [];
    private HashSet<string> _saidMistakes = [];
    private (TcpPort Port, long UntilMs)[] _yielded = [];
    private IDisposable? _configurationChanges;
    private Timer? _recheck;
    private long _recheckUntilMs;
    private Task<int> _drainBesideKestrel = Task.FromResult(0);
    private bool _isStopping;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var mistakes = await ReconcileAsync(cancellationToken);
            if (mistakes.Count > 0)
            {
                await CloseAllAsync();
                throw new SplicePortException(mistakes);
            }

            _recheck = new Timer(_ => _ = FollowAsync());
            routes.Changed += OnRoutesChanged;
            // Kestrel's endpoints may change without any route.
            _configurationChanges = configuration is null ? null : ChangeToken.OnChange(configuration.GetReloadToken, RecheckSoon);
        }
        finally
        {
            _turn.Release();
        }
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        routes.Changed -= OnRoutesChanged;
        _configurationChanges?.Dispose();
        await _turn.WaitAsync(CancellationToken.None);
        try
        {
            _isStopping = true;
            _recheck?.Dispose();
            await CloseAllAsync();
        }
        finally
        {
            _turn.Release();
        }

        // Kestrel is stopped before us and may take all of the time there is: sessions must not wait for that to hear of the deadline.
        _drainBesideKestrel = DrainAsync(cancellationToken);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        // Once more, as Kestrel's ports were open until now.
        var cut = await _drainBesideKestrel + await DrainAsync(cancellationToken);
        if (cut > 0)
        {
            SpliceLog.SessionsCut(_logger, cut);
        }
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Kestrel is about to listen on an endpoint: closes the ports that are in its way. What was accepted on them goes on.</summary>
    public void YieldTo(IPEndPoint endPoint)
    {
        if (_recheck is null)
        {
            // Before our own start nothing is open.
            return;
        }

        var port = new TcpPort(endPoint.Port, endPoint.Address.Equals(IPAddress.IPv6Any) ? null : endPoint.Address);
        _turn.Wait();
        try
        {
            // If Kestrel does not get it after all, it is opened again.
            _yielded = [.. _yielded.Where(static yielded => yielded.UntilMs > Environment.TickCount64), (port, RecheckLimit())];
            foreach (var own in _open.Keys.Where(port.Overlaps).ToArray())
            {
                _open.Remove(own, out var closing);
                closing!.CloseAsync().GetAwaiter().GetResult();
                SpliceLog.PortYielded(_logger, closing.EndPoint);
            }
        }
        finally
        {
            _turn.Release();
        }

        RecheckSoon();
    }

    public void Dispose()
    {
        _configurationChanges?.Dispose();
        _recheck?.Dispose();
    }

    private static long RecheckLimit() => Environment.TickCount64 + (long)s_kestrelTime.TotalMilliseconds;

    private void RecheckSoon()
    {
        Volatile.Write(ref _recheckUntilMs, RecheckLimit());
        _recheck!.Change(s_recheckInterval, Timeout.InfiniteTimeSpan);
    }

    private async Task<int> DrainAsync(CancellationToken cancellationToken)
    {
        var counts = await Task.WhenAll(relay.DrainAsync(cancellationToken), managedRelay.DrainAsync(cancellationToken));
        return counts.Sum();
    }

    private void OnRoutesChanged()
    {
        _saidMistakes = [];
        _ = FollowAsync();
    }

    private async Task FollowAsync()
    {
        // Off the thread that applies YARP's configuration.
        await Task.Yield();
        try
        {
            await _turn.WaitAsync();
            try
            {
                if (!_isStopping)
                {
                    var mistakes = await ReconcileAsync(CancellationToken.None);
                    foreach (var mistake in mistakes.Except(_saidMistakes))
                    {
                        SpliceLog.PortFailed(_logger, mistake);
                    }

                    _saidMistakes = [.. mistakes];
                    if (mistakes.Count > 0 || Environment.TickCount64 < Volatile.Read(ref _recheckUntilMs))
                    {
                        _recheck!.Change(s_recheckInterval, Timeout.InfiniteTimeSpan);
                    }
                }
            }
            finally
            {
                _turn.Release();
            }
        }
        catch (Exception exception)
        {
            SpliceLog.ReconcileFailed(_logger, exception);
        }
    }

    /// <summary>Closes what is no longer wanted, then opens what is missing; a port that stays is not touched.</summary>
    private async Task<List<string>> ReconcileAsync(CancellationToken cancellationToken)
    {
        relay.Prepare(routes.Current.Routes);
        var kestrelPorts = new KestrelPorts(server);
        var wanted = new Dictionary<TcpPort, TcpPortRoutes>();
        var taken = new HashSet<(string RouteId, string Claim)>();
        foreach (var port in routes.Current.Ports)
        {
            if (!kestrelPorts.Serve(port.Port))
            {
                wanted.Add(port.Port, port);
                continue;
            }

            foreach (var route in port.Routes)
            {
                taken.Add((route.RouteId, route.Claim));
                if (!_taken.Contains((route.RouteId, route.Claim)))
                {
                    SayTaken(port.Port, route);
                }
            }
        }

        _taken = taken;

        foreach (var port in _open.Keys.Except(wanted.Keys).ToArray())
        {
            _open.Remove(port, out var closing);
            await closing!.CloseAsync();
            SpliceLog.PortClosed(_logger, closing.EndPoint);
        }

        var mistakes = new List<string>();
        foreach (var (port, portRoutes) in wanted)
        {
            if (_open.ContainsKey(port) || IsYielded(port))
            {
                continue;
            }

            try
            {
                var opened = await OpenAsync(port, cancellationToken);
                _open.Add(port, opened);
                foreach (var route in portRoutes.Routes.DistinctBy(static route => route.RouteId))
                {
                    SpliceLog.PortOpened(_logger, route.RouteId, opened.EndPoint, route.Mode);
                }
            }
            catch (Exception exception) when (exception is IOException or SocketException or InvalidOperationException)
            {
                mistakes.Add(Explain(port, portRoutes.Routes[0], exception));
            }
        }

        return mistakes;
    }

    private bool IsYielded(TcpPort port) =>
        _yielded.Any(yielded => yielded.UntilMs > Environment.TickCount64 && yielded.Port.Overlaps(port));

    private void SayTaken(TcpPort port, TcpRoute route)
    {
        if (route.ServerName.IsAny)
        {
            SpliceLog.PortTaken(_logger, route.RouteId, port.ToString(), route.Mode);
        }
        else
        {
            SpliceLog.NameTaken(_logger, route.RouteId, route.Claim, route.Mode);
        }
    }

    private async ValueTask<IOpenPort> OpenAsync(TcpPort port, CancellationToken cancellationToken)
    {
        if (port.Listen is not null)
        {
            return await opener.OpenAsync(port, new IPEndPoint(port.Listen, port.Port), cancellationToken);
        }

        if (Socket.OSSupportsIPv6)
        {
            try
            {
                return await opener.OpenAsync(port, new IPEndPoint(IPAddress.IPv6Any, port.Port), cancellationToken);
            }
            catch (SocketException exception) when (
                exception.SocketErrorCode is not (SocketError.AccessDenied or SocketError.AddressAlreadyInUse))
            {
                // The kernel knows IPv6 but it is switched off (net.ipv6.conf.all.disable_ipv6).
            }
        }

        return await opener.OpenAsync(port, new IPEndPoint(IPAddress.Any, port.Port), cancellationToken);
    }

    private static string Explain(TcpPort port, TcpRoute route, Exception exception)
    {
        var subject = $"Route '{route.RouteId}' cannot listen on {port}: ";
        return exception switch
        {
            AddressInUseException or SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } =>
                $"{subject}the address is in use; stop what listens there, or give the route another port in Match:Hosts.",
            SocketException { SocketErrorCode: SocketError.AccessDenied } =>
                $"{subject}no permission for a port this low; give the route another port in Match:Hosts, set the sysctl " +
                $"net.ipv4.ip_unprivileged_port_start to {port.Port} or less, or give the process CAP_NET_BIND_SERVICE.",
            SocketException { SocketErrorCode: SocketError.AddressNotAvailable } =>
                $"{subject}this machine does not have the address; set Splice:Listen to one that it has, or leave it out for all.",
            _ => subject + exception.Message,
        };
    }

    private async Task CloseAllAsync()
    {
        var closing = _open.Values.ToArray();
        _open.Clear();
        await Task.WhenAll(Array.ConvertAll(closing, static port => port.CloseAsync()));
    }
}
