namespace Bench.Driver.Results;

/// <summary>A target and how far the run is from it.</summary>
internal sealed record TargetResult(string Text, double? Value, double Bound, bool AtMost, string Verdict);
