using System.Net;
using Transport.Linux;

namespace Yarp.Splice.Relay;

/// <summary>Two sockets that are connected already and registered with no event loop, and what each side is to get before anything else.</summary>
internal sealed record ConnectedSockets
{
    /// <summary>The event loop that the session will live on.</summary>
    public required EventLoop Loop { get; init; }

    /// <summary>The client's descriptor.</summary>
    public required int Client { get; init; }

    /// <summary>What the client has sent already.</summary>
    public ReadOnlyMemory<byte> ToUpstream { get; init; }

    /// <summary>The destination's descriptor.</summary>
    public required int Upstream { get; init; }

    /// <summary>What the destination has sent already.</summary>
    public ReadOnlyMemory<byte> ToClient { get; init; }

    /// <summary>What metrics and records call the destination.</summary>
    public required string DestinationId { get; init; }

    /// <summary>The destination's address.</summary>
    public EndPoint? DestinationEndPoint { get; init; }
}
