using Demo.Gateway.Errors;

namespace Demo.Gateway.Check;

/// <summary>What a check has found.</summary>
/// <param name="Mistakes">With any of these the gateway would not start.</param>
/// <param name="Warnings">Keys that nobody reads.</param>
/// <param name="Proxy">Routes and clusters, as far as they could be read.</param>
/// <param name="HttpUrls">Where HTTP would be served.</param>
/// <param name="IsDemonstration">Whether nothing is configured, so that the demonstration would run.</param>
internal sealed record CheckResult(
    IReadOnlyList<Mistake> Mistakes, IReadOnlyList<Mistake> Warnings, ProxyReading? Proxy, IReadOnlyList<string> HttpUrls, bool IsDemonstration)
{
    /// <summary>The result where not even the files could be read.</summary>
    public static CheckResult Unreadable(IEnumerable<string> lines) =>
        new([.. lines.Select(static line => new Mistake(null, null, line))], [], null, [], IsDemonstration: false);

    /// <summary>One line for each mistake, and for each warning.</summary>
    public void PrintMistakes(TextWriter output)
    {
        foreach (var mistake in Mistakes)
        {
            output.WriteLine(SingleLine.Of(mistake.ToString()));
        }

        foreach (var warning in Warnings)
        {
            output.WriteLine(SingleLine.Of($"warning: {warning}"));
        }
    }
}
