using Yarp.Splice.Routing;

namespace Yarp.Splice.Limits;

/// <summary>
/// The places at those destinations of a cluster that have a limit. Counted is what YARP counts of a destination: sessions of TCP routes, and HTTP
/// requests if the cluster has those, too.
/// </summary>
internal sealed class DestinationPlaces : WaitingLine
{
    /// <summary>Counts a session on a destination, unless that is full.</summary>
    public bool TryTake(SelectedDestination destination)
    {
        lock (Sync)
        {
            if (destination.IsFull)
            {
                return false;
            }

            DestinationConcurrency.Increment(destination.State);
            return true;
        }
    }

    /// <summary>A session has left a destination: its place goes to the first client that can use it.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="isAvailable">Whether it may be given out again.</param>
    public void Release(SelectedDestination destination, bool isAvailable)
    {
        lock (Sync)
        {
            DestinationConcurrency.Decrement(destination.State);
            for (var next = Clients.First; next is not null && isAvailable && !destination.IsFull; next = next.Next)
            {
                if (next.Value.CanUse(destination))
                {
                    DestinationConcurrency.Increment(destination.State);
                    Clients.Remove(next);
                    next.Value.OnPlace(destination);
                    return;
                }
            }
        }
    }

    /// <summary>Lets a client wait, if there is one; false if one of the destinations that were full has a place now.</summary>
    public bool TryWait(IReadOnlyList<SelectedDestination> full, IWaitingClient? client)
    {
        lock (Sync)
        {
            foreach (var destination in full)
            {
                if (!destination.IsFull)
                {
                    return false;
                }
            }

            if (client is not null)
            {
                Clients.AddLast(client.Ticket);
            }

            return true;
        }
    }
}
