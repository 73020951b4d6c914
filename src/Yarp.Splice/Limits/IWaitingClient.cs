using Yarp.Splice.Routing;

namespace Yarp.Splice.Limits;

/// <summary>A client that waits for a place at its route or at a destination.</summary>
internal interface IWaitingClient
{
    /// <summary>Its place in the line. The line's lock guards it.</summary>
    LinkedListNode<IWaitingClient> Ticket { get; }

    /// <summary>Whether a place at this destination would help. Called by whoever frees one, on any thread, while the client waits.</summary>
    bool CanUse(SelectedDestination destination);

    /// <summary>
    /// The place is the client's from now on, and has left the line. Called once, on any thread, and also when the client has lost interest in
    /// the meantime: it must then give the place back.
    /// </summary>
    /// <param name="destination">The destination, on which the session is counted; <see langword="null"/> for a place at the route.</param>
    void OnPlace(SelectedDestination? destination);
}
