using System.Net;
using System.Net.Sockets;
using Transport.Linux;
using Transport.Linux.Descriptors;
using Transport.Linux.Interop;
using Yarp.Splice.Interop;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Relay;

/// <content>
/// Connecting: destination after destination, address after address, without blocking. One deadline covers all addresses of a destination, so
/// a client waits at most attempts × timeout.
/// </content>
internal sealed partial class RelaySession
{
    private const string NameTimedOut = "the name was not resolved in time";
    private const string NoDescriptor = "all descriptors but the process's reserve are in use (RLIMIT_NOFILE)";

    private readonly List<string> _tried = [];
    private SelectedDestination? _destination;
    private EndPoint[] _addresses = [];
    private int _nextAddress;
    private string? _lastFailure;
    private bool _wasReset;

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
            // Nothing can stop a resolver that hangs, but it need not hold the session.
            addresses = await destination.Address.ResolveAsync(CancellationToken.None).AsTask().WaitAsync(Route.ConnectTimeout).ConfigureAwait(false);
        }
        catch (SocketException exception)
        {
            failure = exception.Message;
        }
        catch (TimeoutException)
        {
            // The session's own timer has gone on to the next destination.
            return;
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

        if (failure is Errno.EMFILE or Errno.ENFILE)
        {
            // No fault of the destination, and another one could not be reached either.
            EndAttempt(NoDescriptor);
            GiveUp();
            return;
        }

        OnDestinationFailed(Errno.Describe(failure));
    }

    /// <summary>Zero if the attempt is under way or has succeeded, else the error number.</summary>
    private int StartConnect(EndPoint endPoint)
    {
        var address = NativeSocketAddress.ToBytes(endPoint).Span;
        var descriptor = CreateSocket(NativeSocketAddress.Family(address));
        if (descriptor < 0)
        {
            return -descriptor;
        }

        if (endPoint is IPEndPoint)
        {
            _ = SocketCalls.SetOption(descriptor, SocketCalls.SOL_SOCKET, SocketCalls.SO_OOBINLINE, 1);
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
            OnConnected(isReset: false);
        }

        return 0;
    }

    private int CreateSocket(int family)
    {
        var descriptor = OutgoingSocket.Create(family, Worker.Descriptors);
        var isShort = descriptor is -Errno.EMFILE or -Errno.ENFILE || Worker.Descriptors.IsReachedBy(descriptor);
        // A connection matters more than a pipe.
        return isShort && Worker.Pipes.CloseIdle() && descriptor < 0 ? OutgoingSocket.Create(family, Worker.Descriptors) : descriptor;
    }

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
        // A destination that took the connection, said why it can't serve ("too many connections"), and reset it has answered.
        if (error != 0 && SocketStateCalls.UnreadBytes(endpoint.Descriptor) <= 0)
        {
            OnConnectFailed(error);
            return;
        }

        OnConnected(isReset: error != 0);
    }

    private void OnConnected(bool isReset)
    {
        CountConnected(_destination!);
        BeginRelaying(_upstream!, isReset);
    }

    private void OnConnectTimeout()
    {
        if (_upstream is null)
        {
            OnDestinationFailed(NameTimedOut);
        }
        else
        {
            OnConnectFailed(Errno.ETIMEDOUT);
        }
    }

    private void OnConnectFailed(int errno)
    {
        _upstream?.Close(_loop, reset: true);
        _upstream = null;
        _wasReset = errno is Errno.ECONNRESET or Errno.EPIPE;
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
        EndAttempt(reason);
        TryNextDestination();
    }

    private void EndAttempt(string reason)
    {
        var destination = _destination!;
        _destination = null;
        _lastFailure = $"{destination.DestinationId}: {reason}";
        _engine.Destinations.Release(destination);
        _engine.OnConnectFailed(Route, destination, reason);
    }

    private void GiveUp()
    {
        _engine.OnGaveUp(Route, _tried.Count, _lastFailure ?? "no destination is available");
        // A destination that took the connection and reset it has reset the client.
        End(RelayOutcome.ConnectFailed, resetClient: _wasReset, resetUpstream: true);
    }
}
