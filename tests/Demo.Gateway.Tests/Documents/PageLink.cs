namespace Demo.Gateway.Tests.Documents;

/// <summary>A link or an image of a page.</summary>
/// <param name="Line">Its line, from 1.</param>
/// <param name="Target">What it points to, as written.</param>
internal sealed record PageLink(int Line, string Target);
