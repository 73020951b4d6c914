namespace Yarp.Splice.Limits;

/// <summary>What a route allows its clients. Immutable; a reload makes a new one, which applies to new connections.</summary>
internal sealed record RouteLimits
{
    public static readonly RouteLimits None = new();

    /// <summary>Sessions that the route may have at once; <see langword="null"/> for no limit.</summary>
    public int? MaxConnections { get; init; }

    /// <summary>
    /// How long a client may wait for a place, at the route and at its destinations together; <see langword="null"/> to turn it away at once.
    /// </summary>
    public TimeSpan? QueueTimeout { get; init; }

    /// <summary>Clients of the route that may wait at once.</summary>
    public int MaxQueue { get; init; } = 1024;

    /// <summary>Connections a second that one source may open; <see langword="null"/> for no limit.</summary>
    public int? ConnectionRate { get; init; }

    /// <summary>Connections that a source which was quiet before may open at once; <see langword="null"/> for as many as in a second.</summary>
    public int? ConnectionBurst { get; init; }

    /// <summary>How long a session may last, give or take a tenth; <see langword="null"/> for no limit.</summary>
    public TimeSpan? MaxLifetime { get; init; }

    /// <summary>Bytes a second that each session may send to its destination; <see langword="null"/> for no limit.</summary>
    public long? BytesPerSecondToUpstream { get; init; }

    /// <summary>Bytes a second that each session may send to its client; <see langword="null"/> for no limit.</summary>
    public long? BytesPerSecondToClient { get; init; }
}
