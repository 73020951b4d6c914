namespace Yarp.Splice.Limits;

/// <summary>The places of one route: its sessions are counted whether it has a limit or not, so that one which a reload brings is right at once.</summary>
internal sealed class RoutePlaces : WaitingLine
{
    private int _taken;
    private int _waiting;
    private int _limit = int.MaxValue;

    /// <summary>Takes a place if one is free and nobody waits for it.</summary>
    public bool TryTake(RouteLimits limits) => Take(limits, client: null);

    /// <summary>Takes a place, which is then the client's at once, or lets the client wait for one.</summary>
    /// <returns>Whether it was taken; otherwise <see cref="IWaitingClient.OnPlace"/> follows, unless the client leaves.</returns>
    public bool TakeOrWait(RouteLimits limits, IWaitingClient client) => Take(limits, client);

    public void Release()
    {
        lock (Sync)
        {
            _taken--;
            Serve();
        }
    }

    /// <summary>Counts a client that waits, for the route or for one of its destinations; false if as many as may wait do already.</summary>
    public bool TryCountWaiting(RouteLimits limits)
    {
        if (Interlocked.Increment(ref _waiting) <= limits.MaxQueue)
        {
            return true;
        }

        UncountWaiting();
        return false;
    }

    public void UncountWaiting() => Interlocked.Decrement(ref _waiting);

    private bool Take(RouteLimits limits, IWaitingClient? client)
    {
        lock (Sync)
        {
            // The limit of the last configuration counts; if it has risen, those who wait go first.
            _limit = limits.MaxConnections ?? int.MaxValue;
            Serve();
            if (_taken < _limit)
            {
                _taken++;
                return true;
            }

            if (client is not null)
            {
                Clients.AddLast(client.Ticket);
            }

            return false;
        }
    }

    private void Serve()
    {
        while (_taken < _limit && Clients.First is { } first)
        {
            _taken++;
            Clients.Remove(first);
            first.Value.OnPlace(destination: null);
        }
    }
}
