namespace RelayCases;

/// <summary>What a TCP relay does in one circumstance, seen from its two sides only, so that any relay can be asked.</summary>
/// <param name="Number">The case's number in docs/reliability.md.</param>
/// <param name="Title">The circumstance, and what is expected.</param>
/// <param name="Route">The settings of the route that it needs.</param>
/// <param name="RunAsync">Plays it; the result is what is worth telling of it.</param>
/// <exception cref="CaseFailedException">Thrown by <paramref name="RunAsync"/>: the relay did something else.</exception>
public sealed record RelayCase(int Number, string Title, RouteSettings Route, Func<RelayRoute, Task<string>> RunAsync)
{
    /// <summary>Whether it also makes sense where the relay reads a ClientHello before it chooses the destination.</summary>
    public bool AlsoAfterPreread { get; init; } = true;

    public override string ToString() => $"{Number}: {Title}";
}
