namespace RelayCases;

/// <summary>Every case, by number.</summary>
public static class AllCases
{
    public static IReadOnlyList<RelayCase> List { get; } =
    [
        .. new[] { EndCases.List, ConnectCases.List, DataCases.List, BoundCases.List, TimeCases.List, NameCases.List, ProxyProtocolCases.List }
            .SelectMany(static cases => cases).OrderBy(static relayCase => relayCase.Number),
    ];
}
