namespace Yarp.Splice.ProxyProtocol;

/// <summary>Which PROXY protocol header a destination gets: the value of <c>Splice:ProxyProtocol</c>.</summary>
internal enum ProxyProtocolVersion
{
    /// <summary>None.</summary>
    None,

    /// <summary>Version 1, a line of text.</summary>
    V1,

    /// <summary>Version 2, binary.</summary>
    V2,
}
