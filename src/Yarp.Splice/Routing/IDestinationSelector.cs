using Yarp.Splice.Relay;

namespace Yarp.Splice.Routing;

/// <summary>Picks destinations for sessions. Thread-safe.</summary>
internal interface IDestinationSelector
{
    /// <summary>
    /// Picks an available destination of the route's cluster that is not in <paramref name="tried"/> with the cluster's load-balancing
    /// policy; <see langword="null"/> if there is none. Does not block.
    /// </summary>
    SelectedDestination? Select(TcpRoute route, ClientFacts client, IReadOnlyCollection<string> tried);

    /// <summary>Counts a session on the destination, for LeastRequests and PowerOfTwoChoices; balanced by <see cref="Release"/>.</summary>
    void Acquire(SelectedDestination destination);

    /// <summary>Takes back one <see cref="Acquire"/>.</summary>
    void Release(SelectedDestination destination);
}
