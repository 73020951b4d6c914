using System.Diagnostics;
using System.Net;

namespace Yarp.Splice.Relay;

/// <summary>What is known of a client when its session starts.</summary>
/// <param name="RemoteEndPoint">Its address.</param>
/// <param name="ServerName">The TLS server name that it asked for; <see langword="null"/> without one, or where no route of the port looks.</param>
internal readonly record struct ClientFacts(EndPoint? RemoteEndPoint, string? ServerName = null)
{
    /// <summary>The address that it connected to, where that has been asked for already.</summary>
    public EndPoint? LocalEndPoint { get; init; }

    /// <summary>When it was accepted, in ticks of <see cref="Stopwatch"/>; zero for just now.</summary>
    public long AcceptedAt { get; init; }
}
