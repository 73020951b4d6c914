namespace Testing;

/// <summary>A link or an image of a page.</summary>
/// <param name="Line">Its line, from 1.</param>
/// <param name="Target">What it points to, as written.</param>
public sealed record PageLink(int Line, string Target);
