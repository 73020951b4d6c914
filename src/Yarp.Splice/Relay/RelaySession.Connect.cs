using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Transport.Linux;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Relay;

/// <content>
/// Connecting: destination after destination, without blocking. One deadline covers the name and all addresses of a destination, so a client waits at
/// most attempts × timeout.
/// </content>
internal sealed partial class RelaySession
{
    private const string NameTimedOut = "the name was not resolved in time";
    private const string NoDescriptor = "all descriptors but the process's reserve are in use (RLIMIT_NOFILE)";

    private readonly List<string> _tried = [];
    private SelectedDestination? _destination;
    private long _connectDeadlineMs;
    private string? _lastFailure;
    private bool _wasReset;

    /// <summary>On the event loop, once.</summary>
    public void Begin(bool hasPlace)
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

        if (hasPlace)
        {
            BeginAdmitted();
        }
        else
        {
            WaitForRoute();
        }
    }

    private void BeginAdmitted()
    {
        HasPlace = true;
        TryNextDestination();
    }

    private void TryNextDestination()
    {
        while (_tried.Count < Route.ConnectAttempts && _engine.Destinations.Select(Route, _clientFacts, _tried) is { } next)
        {
            if (_engine.Destinations.TryAcquire(next))
            {
                ConnectTo(next);
                return;
            }
        }

        if (_tried.Count == Route.ConnectAttempts || !TryWaitForDestination())
        {
            GiveUp();
        }
    }

    private void ConnectTo(SelectedDestination next)
    {
        _destination = next;
        _tried.Add(next.DestinationId);
        _connectDeadlineMs = _loop.NowMs + (long)Route.ConnectTimeout.TotalMilliseconds;
        _loop.Arm(this, Route.ConnectTimeout);
        if (next.Address.EndPoint is { } endPoint)
        {
            TryAddresses([endPoint]);
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

            TryAddresses(addresses);
        }, null);
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

        if ((readiness & (Readiness.Writable | Readiness.Error | Readiness.HangUp)) != 0)
        {
            OnAttemptReady(endpoint, readiness);
        }
    }

    private void OnConnected(bool isReset)
    {
        CountConnected(_destination!.DestinationId);
        _engine.OnConnected(this, _destination, Stopwatch.GetElapsedTime(_startedAt, _connectedAt));
        _engine.Destinations.Report(Route, _clientFacts, _destination, isConnected: true);
        BeginRelaying(_upstream!, isReset);
    }

    private void OnDestinationFailed(string reason, bool isOwnFault = false)
    {
        if (!isOwnFault)
        {
            _engine.Destinations.Report(Route, _clientFacts, _destination!, isConnected: false);
        }

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
