using Yarp.Splice.Limits;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Relay.Managed;

/// <content>Waiting for a place, at the route and at a destination, both within one deadline.</content>
internal sealed partial class ManagedSession
{
    // Places become free without anybody being told: a destination recovers, a limit is raised, an HTTP request ends.
    private static readonly TimeSpan s_lookInterval = TimeSpan.FromSeconds(1);

    private long _queueDeadlineMs;
    private long _queuedAtMs;

    private RoutePlaces Places => _limits.PlacesOf(_route);

    private TimeSpan LeftInQueue => TimeSpan.FromMilliseconds(Math.Max(_queueDeadlineMs - Environment.TickCount64, 0));

    /// <summary>Waits for a place at the route; false if the session has ended instead.</summary>
    private async Task<bool> TryGetPlaceAsync()
    {
        if (!TryBeginWaiting())
        {
            return false;
        }

        var wait = new ManagedWait([]);
        var hasPlace = Places.TakeOrWait(_route.Limits, wait);
        while (!hasPlace)
        {
            hasPlace = await wait.TryWaitAsync(LeftInQueue, WhileClientStays());
            if (!hasPlace && IsWaitOver())
            {
                // Out of the line already: the place has just come.
                hasPlace = !Places.Leave(wait);
                break;
            }
        }

        EndWaiting(hasPlace);
        return hasPlace;
    }

    /// <summary>No destination was picked: if that is because they are full, waits for a place at one, or ends the session.</summary>
    private async ValueTask<SelectedDestination?> WaitIfFullAsync(IReadOnlyCollection<string> tried)
    {
        if (_destinations.TryWait(_route, tried, client: null) == WaitAnswer.NoDestination)
        {
            return null;
        }

        if (_route.Limits.QueueTimeout is not null)
        {
            return await WaitForDestinationAsync(tried);
        }

        TurnAway(RefusalReason.DestinationsFull);
        return null;
    }

    /// <summary>Waits for a place at a destination that is full now, and counts the session on it; <see langword="null"/> if it has ended instead.</summary>
    private async Task<SelectedDestination?> WaitForDestinationAsync(IReadOnlyCollection<string> tried)
    {
        if (!TryBeginWaiting())
        {
            return null;
        }

        SelectedDestination? destination = null;
        var wait = new ManagedWait(tried);
        if (_destinations.TryWait(_route, tried, wait) == WaitAnswer.Full)
        {
            while (!await wait.TryWaitAsync(LeftInQueue < s_lookInterval ? LeftInQueue : s_lookInterval, WhileClientStays()))
            {
                destination = TrySelect(tried);
                if (destination is null && !IsWaitOver())
                {
                    continue;
                }

                if (_destinations.Leave(_route, wait))
                {
                    EndWaiting(destination is not null);
                    return destination;
                }

                if (destination is not null)
                {
                    // The place that has just come will do.
                    _destinations.Release(destination);
                }
            }

            destination = await wait.Place;
        }
        else
        {
            destination = TrySelect(tried);
        }

        EndWaiting(destination is not null);
        return destination;
    }

    private bool TryBeginWaiting()
    {
        if (!Places.TryCountWaiting(_route.Limits))
        {
            TurnAway(RefusalReason.QueueFull);
            return false;
        }

        _queuedAtMs = Environment.TickCount64;
        _queueDeadlineMs = _queueDeadlineMs != 0 ? _queueDeadlineMs : _queuedAtMs + (long)_route.Limits.QueueTimeout!.Value.TotalMilliseconds;
        _limits.OnQueued(_route);
        return true;
    }

    private void EndWaiting(bool isServed)
    {
        Places.UncountWaiting();
        var hasLeft = !isServed && HasClientLeft();
        _limits.OnUnqueued(
            _route,
            TimeSpan.FromMilliseconds(Environment.TickCount64 - _queuedAtMs),
            isServed ? QueueOutcome.Served : hasLeft ? QueueOutcome.Left : QueueOutcome.TimedOut);
        if (hasLeft)
        {
            Abort(RelayOutcome.ClientLeft);
        }
        else if (!isServed)
        {
            TurnAway(RefusalReason.QueueTimeout);
        }
    }

    private void TurnAway(string reason)
    {
        if (SetOutcome(reason))
        {
            _limits.OnTurnedAway(_route, reason);
        }
    }

    private bool IsWaitOver() => LeftInQueue == TimeSpan.Zero || HasClientLeft();

    /// <summary>Fires when the client leaves. Once it has finished sending, it is known whether it stays.</summary>
    private CancellationToken WhileClientStays() => _client.ConnectionClosed.IsCancellationRequested ? _aborted.Token : _client.ConnectionClosed;

    /// <summary>A FIN behind bytes may be the end of a request whose answer is waited for; without a byte there is nothing to answer.</summary>
    private bool HasClientLeft()
    {
        if (!_client.ConnectionClosed.IsCancellationRequested || _aborted.IsCancellationRequested)
        {
            return _aborted.IsCancellationRequested;
        }

        try
        {
            var input = _client.Transport.Input;
            if (!input.TryRead(out var result))
            {
                return true;
            }

            var isEmpty = result.Buffer.IsEmpty;
            input.AdvanceTo(result.Buffer.Start);
            return isEmpty;
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            return true;
        }
    }
}
