namespace Yarp.Splice.ProxyProtocol;

/// <summary>What the first bytes of a connection are, where a PROXY protocol header has to come first.</summary>
internal enum ProxyHeaderStatus
{
    /// <summary>So far the beginning of a header.</summary>
    NeedMore,

    /// <summary>They begin with a whole header.</summary>
    Complete,

    /// <summary>No header, or one that is not as the specification wants it.</summary>
    Malformed,
}
