namespace Bench.Driver.Results;

/// <summary>Everything a run of a row gave; the content of its JSON file.</summary>
internal sealed record RowResult(string Name, string Title)
{
    public required MachineFacts Machine { get; init; }

    public required DateTimeOffset Started { get; init; }

    public required double Seconds { get; init; }

    public required bool Quick { get; init; }

    public required int Rounds { get; init; }

    /// <summary>How many CPUs were busy in the second before the row began, with nothing of ours running.</summary>
    public required double OtherBusyCores { get; init; }

    public required List<string> Columns { get; init; }

    public required List<CaseResult> Cases { get; init; }

    public required List<TargetResult> Targets { get; init; }

    public required List<string> Caveats { get; init; }

    public required List<string> Commands { get; init; }
}
