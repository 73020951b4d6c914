namespace Demo.Gateway.Check;

/// <summary>A route as it would be served.</summary>
/// <param name="Id">The route.</param>
/// <param name="Mode">The mode; <see langword="null"/> for an HTTP route.</param>
/// <param name="Endpoints">Where it is served: ports of a TCP route, URLs of an HTTP route.</param>
/// <param name="Names">The server names or hosts that it takes; <c>*</c> for all.</param>
/// <param name="Path">The path of an HTTP route.</param>
/// <param name="Cluster">Its cluster.</param>
/// <param name="Policy">How a destination is chosen; <see langword="null"/> for YARP's default.</param>
/// <param name="Destinations">Ids and addresses.</param>
/// <param name="Settings">What was set, by key.</param>
internal sealed record EffectiveRoute(
    string Id,
    string? Mode,
    IReadOnlyList<string> Endpoints,
    IReadOnlyList<string> Names,
    string? Path,
    string? Cluster,
    string? Policy,
    IReadOnlyList<(string Id, string Address)> Destinations,
    IReadOnlyList<(string Key, string Value)> Settings);
