using System.Net;

namespace Yarp.Splice;

/// <summary>
/// What is known of one TCP session: while it lives, from <see cref="ISessionTable"/>; when it has ended, or was refused, given to every
/// <see cref="ISessionObserver"/>.
/// </summary>
public sealed record SessionRecord
{
    /// <summary>The session's number, unique in the process and ascending; zero for a connection that was refused.</summary>
    public long Id { get; init; }

    /// <summary>
    /// Whether it was an HTTP request before: one that was upgraded, or a <c>CONNECT</c>. That request's <see cref="IRelayedSessionFeature"/> has the record, too.
    /// </summary>
    public bool IsOfRequest { get; init; }

    /// <summary>When the client's connection was accepted.</summary>
    public DateTimeOffset AcceptedAt { get; init; }

    /// <summary>The client's address; <see langword="null"/> where it is not known.</summary>
    public EndPoint? ClientEndPoint { get; init; }

    /// <summary>The address that the client connected to. Where nobody observes the ends of sessions only the port is sure to be right: the
    /// address may be the wildcard.</summary>
    public EndPoint? LocalEndPoint { get; init; }

    /// <summary>The TLS server name that the client asked for; <see langword="null"/> without one, or where no route of the port looks.</summary>
    public string? ServerName { get; init; }

    /// <summary>The route; <see langword="null"/> if the connection was refused before it had one.</summary>
    public string? RouteId { get; init; }

    /// <summary>The route's cluster.</summary>
    public string? ClusterId { get; init; }

    /// <summary>The mode that the route asks for.</summary>
    public SpliceMode? Mode { get; init; }

    /// <summary>The destination that the session is, or is being, connected to; <see langword="null"/> if there is none.</summary>
    public string? DestinationId { get; init; }

    /// <summary>The destination's address, after a name was resolved.</summary>
    public EndPoint? DestinationEndPoint { get; init; }

    /// <summary>How many destinations were tried.</summary>
    public int Attempts { get; init; }

    /// <summary>From accept until the session began: what reading the server name took.</summary>
    public TimeSpan PrereadTime { get; init; }

    /// <summary>From the session's begin until a destination had taken the connection, all attempts together; <see langword="null"/> before.</summary>
    public TimeSpan? ConnectTime { get; init; }

    /// <summary>From then until the destination's first byte; <see langword="null"/> before, and if the kernel moved it by itself.</summary>
    public TimeSpan? FirstByteTime { get; init; }

    /// <summary>From accept until the end, or until now.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>Bytes taken from the client for the destination, and a PROXY protocol header.</summary>
    public long BytesToUpstream { get; init; }

    /// <summary>Bytes taken from the destination for the client.</summary>
    public long BytesToClient { get; init; }

    /// <summary>
    /// The farthest that the bytes to the destination got on the way Copy, Splice, Sockmap, whatever the mode; <c>Managed</c> where there is no event
    /// loop; <see langword="null"/> if there was no destination.
    /// </summary>
    public string? PathToUpstream { get; init; }

    /// <summary>The same of the bytes to the client.</summary>
    public string? PathToClient { get; init; }

    /// <summary>How often a direction has moved from one path to another.</summary>
    public int PathMoves { get; init; }

    /// <summary>Why the paths are not what <see cref="Mode"/> asks for; <see langword="null"/> if they are.</summary>
    public string? PathReason { get; init; }

    /// <summary>How it ended, one of the words that docs/observe.md lists; <see langword="null"/> while it lives.</summary>
    public string? Outcome { get; init; }

    /// <summary>Who ended it; <see langword="null"/> while it lives.</summary>
    public SessionParty? ClosedBy { get; init; }

    /// <summary>The last failure to connect, with the destination's name; <see langword="null"/> if there was none.</summary>
    public string? ConnectFailure { get; init; }

    /// <summary>The event loop that the session lives on; <see langword="null"/> where there is none.</summary>
    public int? Worker { get; init; }
}
