namespace Bench.Driver.Cases;

/// <summary>How a contestant did in a case.</summary>
/// <param name="Passed">Whether it did what is expected; <see langword="null"/> if it could not play.</param>
/// <param name="Text">What it did.</param>
internal sealed record CaseOutcome(bool? Passed, string Text);
