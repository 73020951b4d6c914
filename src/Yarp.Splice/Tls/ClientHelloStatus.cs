namespace Yarp.Splice.Tls;

/// <summary>What the first bytes of a connection are.</summary>
internal enum ClientHelloStatus
{
    /// <summary>So far the beginning of a ClientHello.</summary>
    NeedMore,

    /// <summary>They hold a whole ClientHello.</summary>
    Complete,

    /// <summary>Not a TLS handshake record: plain text, garbage, or an SSLv2-style hello, which has no extensions (RFC 5246, E.2).</summary>
    NotTls,

    /// <summary>A TLS record, but not followed by a ClientHello that a server could accept.</summary>
    Malformed,
}
