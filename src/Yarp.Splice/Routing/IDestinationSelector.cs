using Yarp.Splice.Limits;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Routing;

/// <summary>Picks destinations for sessions. Thread-safe.</summary>
internal interface IDestinationSelector
{
    /// <summary>
    /// Picks an available destination of the route's cluster that is not in <paramref name="tried"/> with the cluster's load-balancing
    /// policy; <see langword="null"/> if there is none that is not full. Does not block.
    /// </summary>
    SelectedDestination? Select(TcpRoute route, ClientFacts client, IReadOnlyCollection<string> tried);

    /// <summary>
    /// Counts a session on the destination, for its limit, LeastRequests and PowerOfTwoChoices; balanced by <see cref="Release"/>. False if another
    /// session has taken the last place since it was picked.
    /// </summary>
    bool TryAcquire(SelectedDestination destination);

    /// <summary>Nothing was picked: whether that is because destinations are full, and if so, lets a client wait for a place at one of them.</summary>
    /// <param name="route">The route.</param>
    /// <param name="tried">Destinations that the client cannot use.</param>
    /// <param name="client">Joins the line; <see langword="null"/> to ask only.</param>
    WaitAnswer TryWait(TcpRoute route, IReadOnlyCollection<string> tried, IWaitingClient? client);

    /// <summary>Takes a client out of the line that <see cref="TryWait"/> put it into; false if a place is on its way to it.</summary>
    bool Leave(TcpRoute route, IWaitingClient client);

    /// <summary>Says whether a destination took a connection, for passive health checks. What is no fault of the destination's is not to be reported.</summary>
    void Report(TcpRoute route, ClientFacts client, SelectedDestination destination, bool isConnected);

    /// <summary>Takes back one <see cref="TryAcquire"/>.</summary>
    void Release(SelectedDestination destination);
}
