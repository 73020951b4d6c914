namespace Yarp.Splice;

/// <summary>Options of the proxy as a whole. What concerns one route stands in its <c>Splice</c> section.</summary>
public sealed class SpliceOptions
{
    /// <summary>
    /// Top-level keys under a route that other libraries read and that are therefore no mistake, compared without regard to case. Any key
    /// that neither YARP nor this library nor this list knows is refused, because YARP itself would ignore a misspelt one.
    /// </summary>
    /// <remarks>Defaults to an empty list.</remarks>
    public IList<string> AdditionalRouteKeys { get; } = [];

    /// <summary>
    /// Whether YARP's own connections to HTTP destinations live on the event loops, too, which saves a request two ways through the thread pool. Linux
    /// only; has no effect where the application has an <see cref="ReverseProxy.Forwarder.IForwarderHttpClientFactory"/> of its own, as
    /// <c>ConfigureHttpClient</c> registers one.
    /// </summary>
    /// <remarks>Defaults to <see langword="true"/>.</remarks>
    public bool HttpDestinationsOnEventLoops { get; set; } = true;

    /// <summary>
    /// Whether the eBPF program of mode Sockmap is loaded at start although no route asks for it yet: for a process that gives its privileges up
    /// afterwards, as loading is all that needs them. Linux only.
    /// </summary>
    /// <remarks>Defaults to <see langword="false"/>: it is loaded with the first route that asks for it.</remarks>
    public bool LoadSockmapAtStart { get; set; }
}
