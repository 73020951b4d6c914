namespace RelayCases;

/// <summary>One route of the relay under test. Each has a port and destinations of its own.</summary>
public sealed record RouteSettings(string Name)
{
    /// <summary>Where it leads: to every destination by turns, or to each by its name.</summary>
    public IReadOnlyList<DestinationKind> Destinations { get; init; } = [DestinationKind.Listening];

    /// <summary>The server name of each destination, where the name decides; the last is for every other name, and for none.</summary>
    public IReadOnlyList<string>? ServerNames { get; init; }

    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromHours(1);

    public TimeSpan HalfCloseTimeout { get; init; } = TimeSpan.FromHours(1);

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    public int ConnectAttempts { get; init; } = 2;

    public TimeSpan PrereadTimeout { get; init; } = TimeSpan.FromSeconds(5);

    public int? MaxConnections { get; init; }

    /// <summary>The version of the PROXY protocol that the destination is told the client's address in; 0 for none.</summary>
    public int ProxyProtocol { get; init; }
}
