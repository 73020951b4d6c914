namespace Yarp.Splice;

/// <summary>Options of the TCP routes as a whole. What concerns one route stands in its <c>Splice</c> section.</summary>
public sealed class SpliceOptions
{
    /// <summary>
    /// Top-level keys under a route that other libraries read and that are therefore no mistake, compared without regard to case. Any key
    /// that neither YARP nor this library nor this list knows is refused, because YARP itself would ignore a misspelt one.
    /// </summary>
    /// <remarks>Defaults to an empty list.</remarks>
    public IList<string> AdditionalRouteKeys { get; } = [];
}
