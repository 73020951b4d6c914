using System.Text.RegularExpressions;
using Testing;
using Xunit;

namespace Demo.Gateway.Tests.Documents;

/// <summary>What troubleshooting.md quotes of standard error and of reasons is what the sources say.</summary>
public sealed partial class QuotedMessageTests
{
    private const string Page = "docs/troubleshooting.md";

    private static readonly string s_sources = string.Concat(Repository.FindFiles("src", "*.cs").Select(static path => Joined(Path.Combine(Repository.Root, path))));

    public static TheoryData<string> Quotes =>
    [
        .. Repository.Page(Page).Rows.Where(static row => row.Cells[0] is ['`', ..]).SelectMany(static row => MarkdownPage.CodeSpans(row.Cells[0])),
    ];

    /// <summary>An ellipsis stands for what differs from case to case.</summary>
    [Theory]
    [MemberData(nameof(Quotes))]
    public void A_quoted_message_is_in_the_sources(string quote)
    {
        Assert.All(quote.Split('…', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            static part => Assert.Contains(part, s_sources, StringComparison.Ordinal));
    }

    // A message that is written on two lines is one.
    private static string Joined(string file) => Seam().Replace(File.ReadAllText(file), "");

    [GeneratedRegex("\" \\+\\s+\\$?@?\"")]
    private static partial Regex Seam();
}
