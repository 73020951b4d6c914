using Yarp.Splice.Routing;

namespace Yarp.Splice.Sessions;

/// <summary>A session as the table sees it. Every member is callable on any thread; what it describes may be a moment old.</summary>
internal interface ITrackedSession
{
    long Id { get; }

    /// <summary>The route as it was when the session began.</summary>
    TcpRoute Route { get; }

    string ClusterId { get; }

    /// <summary>The destination that it is connected to, or that it tries.</summary>
    SelectedDestination? Destination { get; }

    /// <summary>Its name.</summary>
    string? DestinationId { get; }

    SessionRecord Describe();

    /// <summary>Has both sides reset, soon.</summary>
    void RequestCut(string outcome);
}
