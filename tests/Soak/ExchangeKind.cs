namespace Soak;

/// <summary>What a client asks of the upstream.</summary>
internal enum ExchangeKind : byte
{
    /// <summary>The client sends, then FIN; the upstream answers with the hash of that and bytes of its own, then FIN.</summary>
    ClientFirst = 1,

    /// <summary>The upstream sends, then FIN; the client sends, then FIN.</summary>
    UpstreamFirst,

    /// <summary>The upstream sends back what comes, until FIN.</summary>
    Echo,

    /// <summary>The upstream sends, then RST.</summary>
    UpstreamResets,
}
