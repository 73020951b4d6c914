using System.Net;
using System.Net.Sockets;
using Transport.Linux;
using Transport.Linux.Interop;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Relay;

/// <content>
/// Connecting: destination after destination, address after address, without blocking. One deadline covers all addresses of a destination, so
/// a client waits at most attempts × timeout.
/// </content>
internal sealed partial class RelaySession
{
    private readonly List<string> _tried = [];
    private SelectedDestination? _destination;
    private EndPoint[] _addresses = [];
    private int _nextAddress;
    private string? _lastFailure;

    /// <summary>On the event loop, once.</summary>
    public void Begin()
    {
        try
        {
            _client.Register(_loop);
        }
        catch (SocketException)
        {
            // Out of memory or of epoll watches (epoll_ctl(2)).
            End(RelayOutcome.ClientReset, resetClient: true, resetUpstream: true);
            return;
        }

        TryNextDestination();
    }

    private void TryNextDestination()
    {
        var next = _tried.Count < Route.ConnectAttempts ? _engine.Destinations.Select(Route, _clientFacts, _tried) : null;
        if (next is null)
        {
            GiveUp();
            return;
        }

        _destination = next;
        _tried.Add(next.DestinationId);
        _engine.Destinations.Acquire(next);
        _loop.Arm(this, Route.ConnectTimeout);
        if (next.Address.EndPoint is { } endPoint)
        {
            _addresses = [endPoint];
            _nextAddress = 0;
            TryNextAddress();
        }
        else
        {
            _ = ResolveAsync(next);
        }
    }

    /// <summary>Resolves a name away from the loop and comes back to it.</summary>
    private async Task ResolveAsync(SelectedDestination destination)
    {
        EndPoint[] addresses = [];
        string? failure = null;
        try
        {
            addresses = await destination.Address.ResolveAsync(CancellationToken.None).ConfigureAwait(false);
            failure = addresses.Length == 0 ? "the name has no address" : null;
        }
        catch (SocketException exception)
        {
            failure = exception.Message;
        }

        _loop.Post(_ =>
        {
            // The session may have ended, or gone on to another destination, in the meantime.
            if (_state != State.Connecting || _destination != destination)
            {
                return;
            }

            if (failure is not null)
            {
                OnDestinationFailed(failure);
                return;
            }

            _addresses = addresses;
            _nextAddress = 0;
            TryNextAddress();
        }, null);
    }

    private void TryNextAddress()
    {
        var failure = 0;
        while (_nextAddress < _addresses.Length)
        {
            failure = StartConnect(_addresses[_nextAddress++]);
            if (failure == 0)
            {
                return;
            }
        }

        OnDestinationFailed(Errno.Describe(failure));
    }

    /// <summary>Zero if the attempt is under way or has succeeded, else the error number.</summary>
    private int StartConnect(EndPoint endPoint)
    {
        var address = NativeSocketAddress.ToBytes(endPoint).Span;
        var family = NativeSocketAddress.Family(address);
        var descriptor = CreateSocket(family);
        if (descriptor is -Errno.EMFILE or -Errno.ENFILE && Worker.Pipes.CloseIdle())
        {
            // A connection matters more than a pipe.
            descriptor = CreateSocket(family);
        }

        if (descriptor < 0)
        {
            return -descriptor;
        }

        if (family != SocketCalls.AF_UNIX)
        {
            _ = SocketCalls.SetOption(descriptor, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_NODELAY, 1);
        }

        var result = SocketCalls.Connect(descriptor, address);
        if (result < 0 && result != -Errno.EINPROGRESS)
        {
            _ = SocketCalls.Close(descriptor);
            return -result;
        }

        _upstream = new RelayEndpoint(this, descriptor);
        if (result == 0)
        {
            // Unix sockets connect at once.
            _upstream.IsWritable = true;
        }

        try
        {
            _upstream.Register(_loop);
        }
        catch (SocketException)
        {
            _upstream.Close(_loop, reset: true);
            _upstream = null;
            return Errno.ENOMEM;
        }

        if (result == 0)
        {
            OnConnected();
        }

        return 0;
    }

    private static int CreateSocket(int family) => SocketCalls.Socket(
        family, SocketCalls.SOCK_STREAM | SocketCalls.SOCK_NONBLOCK | SocketCalls.SOCK_CLOEXEC);

    private void OnReadyWhileConnecting(RelayEndpoint endpoint, Readiness readiness)
    {
        if (endpoint == _client)
        {
            // A FIN alone is no reason to stop: the client may wait for its answer. After RST there is nobody to answer.
            if ((readiness & (Readiness.Error | Readiness.HangUp)) != 0)
            {
                End(RelayOutcome.ClientLeft, resetClient: true, resetUpstream: true);
            }

            return;
        }

        if (endpoint != _upstream || (readiness & (Readiness.Writable | Readiness.Error | Readiness.HangUp)) == 0)
        {
            return;
        }

        var error = endpoint.TakeError();
        if (error != 0)
        {
            OnConnectFailed(error);
        }
        else
        {
            OnConnected();
        }
    }

    private void OnConnected()
    {
        CountConnected(_destination!);
        BeginRelaying(_upstream!);
    }

    private void OnConnectFailed(int errno)
    {
        _upstream?.Close(_loop, reset: true);
        _upstream = null;
        if (errno != Errno.ETIMEDOUT && _nextAddress < _addresses.Length)
        {
            TryNextAddress();
        }
        else
        {
            OnDestinationFailed(Errno.Describe(errno));
        }
    }

    private void OnDestinationFailed(string reason)
    {
        var destination = _destination!;
        _destination = null;
        _lastFailure = $"{destination.DestinationId}: {reason}";
        _engine.Destinations.Release(destination);
        _engine.OnConnectFailed(Route, destination, reason);
        TryNextDestination();
    }

    private void GiveUp()
    {
        _engine.OnGaveUp(Route, _tried.Count, _lastFailure ?? "no destination is available");
        End(RelayOutcome.ConnectFailed, resetClient: false, resetUpstream: true);
    }
}
