using System.Diagnostics;
using System.Net;
using Transport.Linux.Interop;

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

    /// <summary>The same, and the address that it connected to: its socket's, if no PROXY protocol header has told another.</summary>
    public ClientFacts Locate(int descriptor)
    {
        Span<byte> address = stackalloc byte[NativeSocketAddress.MaxLength];
        return LocalEndPoint is null && SocketCalls.GetSocketName(descriptor, address, out var length) == 0
            ? this with { LocalEndPoint = NativeSocketAddress.ToEndPoint(address[..length]) } : this;
    }
}
