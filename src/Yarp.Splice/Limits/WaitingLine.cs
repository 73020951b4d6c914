namespace Yarp.Splice.Limits;

/// <summary>Places that are counted, and the clients that wait for one, first come first served. Thread-safe.</summary>
internal abstract class WaitingLine
{
    /// <summary>Guards the counts and <see cref="Clients"/>.</summary>
    protected Lock Sync { get; } = new();

    protected LinkedList<IWaitingClient> Clients { get; } = new();

    /// <summary>Takes a client out of the line; false if it is not in it any more because a place is on its way to it.</summary>
    public bool Leave(IWaitingClient client)
    {
        lock (Sync)
        {
            if (client.Ticket.List != Clients)
            {
                return false;
            }

            Clients.Remove(client.Ticket);
            return true;
        }
    }
}
