using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;
using Yarp.Splice.Limits;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Routing;
using Yarp.Splice.Sessions;

namespace Yarp.Splice.Relay.Managed;

/// <summary>One client connection and its upstream socket: one copy loop for each direction, and a timer that watches both.</summary>
internal sealed partial class ManagedSession : IDisposable
{
    private const int BufferSize = 16 * 1024;

    private readonly TcpRoute _route;
    private readonly ConnectionContext _client;
    private readonly ClientFacts _facts;
    private readonly IDestinationSelector _destinations;
    private readonly ConnectionLimits _limits;
    private readonly SpliceMetrics _metrics;
    private readonly CounterSet _counterSet;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _aborted = new();
    private readonly CancellationTokenSource _reading;
    private readonly Timer _watch;

    // Kestrel's transport shuts both directions when its output pipe completes. With the socket at hand, the client's side is written
    // past that pipe, which stays empty, and can be half-closed.
    private readonly Socket? _clientSocket;

    private Socket? _upstream;
    private string? _outcome;
    private long _lastActivityMs = Environment.TickCount64;
    private long _bytesToUpstream;
    private long _bytesToClient;
    private long _lifetimeEndMs = long.MaxValue;
    private volatile bool _isHalfClosed;
    private volatile bool _isRetiring;

    public ManagedSession(
        long id,
        TcpRoute route,
        ConnectionContext client,
        ClientFacts facts,
        IDestinationSelector destinations,
        ConnectionLimits limits,
        SpliceMetrics metrics,
        CounterSet counters,
        ILogger logger)
    {
        Id = id;
        _route = route;
        _client = client;
        _facts = facts;
        _destinations = destinations;
        _limits = limits;
        _metrics = metrics;
        _counterSet = counters;
        _counters = counters.Of(route, null);
        _logger = logger;
        _clientSocket = client.Features.Get<IConnectionSocketFeature>()?.Socket;
        _reading = CancellationTokenSource.CreateLinkedTokenSource(_aborted.Token);
        _watch = new Timer(static state => ((ManagedSession)state!).Watch(), this, Timeout.Infinite, Timeout.Infinite);
    }

    /// <summary>Whether what ends now is ended by the gateway, which can wait no longer.</summary>
    public required Func<bool> IsCut { get; init; }

    /// <summary>How it ended; <see langword="null"/> while it lives.</summary>
    public string? Outcome => Volatile.Read(ref _outcome);

    private TimeSpan SilenceLimit => _isHalfClosed && _route.HalfCloseTimeout < _route.IdleTimeout ? _route.HalfCloseTimeout : _route.IdleTimeout;

    /// <param name="hasPlace">Whether the client has a place at the route, which the session gives back. Otherwise it waits for one.</param>
    public async Task RunAsync(bool hasPlace)
    {
        _counters.Enter(_path);
        SelectedDestination? destination = null;
        try
        {
            hasPlace = hasPlace || await TryGetPlaceAsync();
            if (!hasPlace)
            {
                return;
            }

            if (_clientSocket is { ProtocolType: ProtocolType.Tcp })
            {
                _clientSocket.NoDelay = true;
                _route.SocketOptions?.Apply(_clientSocket);
            }

            destination = await ConnectAsync();
            if (destination is null)
            {
                SetOutcome(RelayOutcome.ConnectFailed);
            }
            else
            {
                CountConnected(destination);
                Touch();
                BeginLifetime();
                BeginRates();
                ArmWatch(SilenceLimit);
                var header = ProxyHeader.Prepend(_route.ProxyProtocol, _client.RemoteEndPoint, _client.LocalEndPoint, default);
                await SendAsync(_upstream!, header);
                CountToUpstream(header.Length);
                await Task.WhenAll(CopyToUpstreamAsync(), CopyToClientAsync());
                if (_isRetiring)
                {
                    await AwaitDeliveryAsync();
                }
            }
        }
        catch (Exception)
        {
            // The loops handle what the two connections throw; this is an address or socket call that refused before.
            Abort(RelayOutcome.ConnectFailed);
        }
        finally
        {
            SetOutcome(_isRetiring ? RelayOutcome.MaxLifetime : RelayOutcome.Finished);
            _upstream?.Dispose();
            if (destination is not null)
            {
                _destinations.Release(destination);
            }

            if (hasPlace)
            {
                Places.Release();
            }

            _counters.Leave(_path);
            _metrics.SessionEnded(_route, DestinationId, _path, Stopwatch.GetElapsedTime(AcceptedAt), _outcome!);
            SpliceLog.ManagedSessionEnded(_logger, _route.RouteId, _outcome!, _bytesToUpstream, _bytesToClient);
        }
    }

    /// <summary>Resets both connections, unless the session has ended. Callable on any thread.</summary>
    public void Abort(string outcome)
    {
        if (!SetOutcome(IsCut() ? RelayOutcome.Drain : outcome))
        {
            return;
        }

        // Before Kestrel's transport is told, which would say FIN.
        Reset(_clientSocket);
        _client.Abort(new ConnectionAbortedException($"The session of route {_route.RouteId} ended: {outcome}."));
        Reset(_upstream);
        try
        {
            _aborted.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The session has ended by itself in the meantime.
        }
    }

    public void Dispose()
    {
        _watch.Dispose();
        _reading.Dispose();
        _aborted.Dispose();
    }

    private static void Reset(Socket? socket)
    {
        try
        {
            // SO_LINGER with zero seconds makes the close a reset (socket(7)).
            socket?.Close(timeout: 0);
        }
        catch (Exception exception) when (exception is ObjectDisposedException or SocketException)
        {
            // Closed already.
        }
    }

    private bool SetOutcome(string outcome) => Interlocked.CompareExchange(ref _outcome, outcome, null) is null;

    private async Task<SelectedDestination?> ConnectAsync()
    {
        var tried = new List<string>();
        while (tried.Count < _route.ConnectAttempts && !_aborted.IsCancellationRequested &&
            (TrySelect(tried) ?? await WaitIfFullAsync(tried)) is { } destination)
        {
            tried.Add(destination.DestinationId);
            _attempts++;
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_aborted.Token);
            timeout.CancelAfter(_route.ConnectTimeout);
            try
            {
                var addresses = await destination.Address.ResolveAsync(timeout.Token);
                _upstream = await AddressRace.ConnectAsync(addresses, _route.BindSource, timeout.Token);
                if (_upstream.ProtocolType == ProtocolType.Tcp)
                {
                    _route.SocketOptions?.Apply(_upstream);
                }

                _destinations.Report(_route, _facts, destination, isConnected: true);
                return destination;
            }
            catch (Exception exception)
            {
                _destinations.Release(destination);
                if (exception is not (SocketException or OperationCanceledException))
                {
                    throw;
                }

                var reason = ExplainFailure(exception is SocketException { SocketErrorCode: var code } ? code : SocketError.TimedOut);
                if (!IsOwnFault(exception) && !_aborted.IsCancellationRequested)
                {
                    _destinations.Report(_route, _facts, destination, isConnected: false);
                }

                _metrics.ConnectFailed(_route.RouteId, _route.ClusterId, destination.DestinationId, reason);
                _lastFailure = $"{destination.DestinationId}: {reason}";
                SpliceLog.ManagedConnectFailed(_logger, _route.RouteId, destination.DestinationId, destination.Address.ToString(), reason);
            }
        }

        return null;
    }

    private string ExplainFailure(SocketError error) => error switch
    {
        SocketError.AddressNotAvailable when _route.BindSource is not null => SourceAddress.NotAvailable,
        SocketError.AddressFamilyNotSupported when _route.BindSource is not null => SourceAddress.OtherFamily,
        _ => error.ToString(),
    };

    /// <summary>Picks a destination and counts the session on it.</summary>
    private SelectedDestination? TrySelect(IReadOnlyCollection<string> tried)
    {
        SelectedDestination? destination;
        do
        {
            destination = _destinations.Select(_route, _facts, tried);
        }
        while (destination is not null && !_destinations.TryAcquire(destination));
        return destination;
    }

    /// <summary>Descriptors, local ports or the kernel's memory have run out.</summary>
    private static bool IsOwnFault(Exception exception) => exception is SocketException
    {
        SocketErrorCode: SocketError.TooManyOpenSockets or SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported or
            SocketError.NoBufferSpaceAvailable,
    };

    private async Task CopyToUpstreamAsync()
    {
        var input = _client.Transport.Input;
        try
        {
            while (true)
            {
                if (await ReadFromClientAsync(input) is not var (bytes, isEnd))
                {
                    FinishUpstream();
                    break;
                }

                try
                {
                    foreach (var segment in bytes)
                    {
                        await SendAsync(_upstream!, segment);
                        CountToUpstream(segment.Length);
                        Touch();
                    }

                    if (isEnd)
                    {
                        _firstToFinish ??= SessionParty.Client;
                        _upstream!.Shutdown(SocketShutdown.Send);
                        break;
                    }
                }
                catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
                {
                    Abort(RelayOutcome.UpstreamReset);
                    return;
                }
                finally
                {
                    input.AdvanceTo(bytes.End);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            Abort(RelayOutcome.ClientReset);
            return;
        }

        HalfClose();
    }

    private async Task CopyToClientAsync()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            int count;
            while ((count = await ReceiveFromUpstreamAsync(buffer)) > 0)
            {
                await SendToClientAsync(buffer.AsMemory(0, count));
                CountToClient(count);
                Touch();
            }

            if (count < 0)
            {
                return;
            }

            _firstToFinish ??= SessionParty.Upstream;
            if (_clientSocket is not null)
            {
                _clientSocket.Shutdown(SocketShutdown.Send);
            }
            else
            {
                await _client.Transport.Output.CompleteAsync();
            }

            HalfClose();
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Abort(RelayOutcome.ClientReset);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <returns>0 at the end of the stream, −1 if the upstream failed and the session is aborted.</returns>
    private async ValueTask<int> ReceiveFromUpstreamAsync(byte[] buffer)
    {
        try
        {
            var room = _rateToClient is null ? buffer.Length : (int)Math.Min(buffer.Length, await AwaitAllowanceAsync(_rateToClient));
            var count = await _upstream!.ReceiveAsync(buffer.AsMemory(0, room), _reading.Token);
            _rateToClient?.Take(count);
            return count;
        }
        catch (OperationCanceledException) when (IsRetired)
        {
            return 0;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Abort(RelayOutcome.UpstreamReset);
            return -1;
        }
    }

    private async ValueTask SendToClientAsync(ReadOnlyMemory<byte> bytes)
    {
        if (_clientSocket is not null)
        {
            await SendAsync(_clientSocket, bytes);
            return;
        }

        var flushed = await _client.Transport.Output.WriteAsync(bytes, _aborted.Token);
        if (flushed.IsCompleted)
        {
            throw new ConnectionAbortedException("The client's connection is closed.");
        }
    }

    private async ValueTask SendAsync(Socket socket, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var sent = await socket.SendAsync(bytes, _aborted.Token);
            bytes = bytes[sent..];
        }
    }

    private void HalfClose()
    {
        _isHalfClosed = true;
        Touch();
        if (!_isRetiring)
        {
            ArmWatch(SilenceLimit);
        }
    }

    private void Touch() => Volatile.Write(ref _lastActivityMs, Environment.TickCount64);

    private void ArmWatch(TimeSpan delay)
    {
        var lifetimeLeft = _isRetiring ? delay : LifetimeLeft;
        delay = lifetimeLeft < delay ? lifetimeLeft : delay;
        try
        {
            _watch.Change(delay, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // The timer fired while the session was ending.
        }
    }

    private void Watch()
    {
        if (_isRetiring)
        {
            Abort(RelayOutcome.MaxLifetime);
            return;
        }

        if (LifetimeLeft == TimeSpan.Zero)
        {
            Retire();
            return;
        }

        var silence = TimeSpan.FromMilliseconds(Environment.TickCount64 - Volatile.Read(ref _lastActivityMs));
        var left = SilenceLimit - silence;
        if (left > TimeSpan.Zero)
        {
            ArmWatch(left);
        }
        else
        {
            Abort(_isHalfClosed ? RelayOutcome.HalfCloseTimeout : RelayOutcome.IdleTimeout);
        }
    }
}
