namespace Testing;

/// <summary>A row of a table.</summary>
/// <param name="Heading">The heading that the table is under, as text.</param>
/// <param name="Cells">Its cells, as written, without the spaces around them.</param>
public sealed record TableRow(string Heading, IReadOnlyList<string> Cells);
