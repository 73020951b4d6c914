namespace Yarp.Splice.Tls;

/// <summary>What a ClientHello says of where its client wants to go.</summary>
/// <param name="ServerName">The name that it asks for (RFC 6066, section 3): in lower case, without a trailing dot, an internationalised name in
/// its ASCII form as it was sent; <see langword="null"/> if it asks for none.</param>
/// <param name="Protocols">The application protocols that it offers, in its order (RFC 7301, section 3.1), each byte as one character.</param>
internal readonly record struct ClientHello(string? ServerName, IReadOnlyList<string> Protocols);
