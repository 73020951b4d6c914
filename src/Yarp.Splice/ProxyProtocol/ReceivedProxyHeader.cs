using System.Net;

namespace Yarp.Splice.ProxyProtocol;

/// <summary>What a PROXY protocol header says.</summary>
/// <param name="Length">The header's length in bytes.</param>
/// <param name="Source">The client's address; <see langword="null"/> if the header names none, and the connection's own counts.</param>
/// <param name="Destination">The address that the client connected to; present if <paramref name="Source"/> is.</param>
internal readonly record struct ReceivedProxyHeader(int Length, IPEndPoint? Source, IPEndPoint? Destination);
