namespace Testing;

/// <summary>A fenced block of a page.</summary>
/// <param name="Heading">The heading that it is under, as text.</param>
/// <param name="Language">The word behind the fence; empty without one.</param>
/// <param name="Line">The line of the fence, from 1.</param>
/// <param name="Text">What is between the fences.</param>
public sealed record CodeBlock(string Heading, string Language, int Line, string Text);
