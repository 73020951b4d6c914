namespace Demo.Gateway.Tests.Documents;

/// <summary>A fenced block of a page.</summary>
/// <param name="Language">The word behind the fence; empty without one.</param>
/// <param name="Line">The line of the fence, from 1.</param>
/// <param name="Text">What is between the fences.</param>
internal sealed record CodeBlock(string Language, int Line, string Text);
