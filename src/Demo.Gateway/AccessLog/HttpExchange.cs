using System.Net;
using Yarp.Splice;

namespace Demo.Gateway.AccessLog;

/// <summary>What is known of one HTTP request when it is over.</summary>
internal sealed record HttpExchange
{
    public required DateTimeOffset StartedAt { get; init; }

    public required EndPoint? ClientEndPoint { get; init; }

    public required EndPoint? LocalEndPoint { get; init; }

    public required string Method { get; init; }

    /// <summary>Path and query as the client sent them.</summary>
    public required string Target { get; init; }

    public required string Protocol { get; init; }

    public required string Host { get; init; }

    public required int Status { get; init; }

    /// <summary>Bytes of the request's body; of an upgraded connection, of everything after the upgrade.</summary>
    public required long BytesToUpstream { get; init; }

    /// <summary>The same of the response.</summary>
    public required long BytesToClient { get; init; }

    public required TimeSpan? FirstByteTime { get; init; }

    public required TimeSpan Duration { get; init; }

    public required string? RouteId { get; init; }

    public required string? ClusterId { get; init; }

    public required string? DestinationId { get; init; }

    /// <summary>What the connection became after an upgrade or a <c>CONNECT</c>, if the relay had it.</summary>
    public required SessionRecord? Session { get; init; }

    /// <summary><c>finished</c>, <c>client_left</c>, or what YARP calls the error; of a relayed connection, the session's outcome.</summary>
    public required string Outcome { get; init; }
}
