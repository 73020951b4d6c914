namespace Bench.Driver.Processes;

/// <summary>How to start a server, and where it will listen.</summary>
internal sealed record ServerCommand(string Name, int Port, string Program, IReadOnlyList<string> Arguments)
{
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
}
