using System.Globalization;
using Microsoft.Extensions.Logging;
using Testing;
using Xunit;

namespace Demo.Gateway.Tests.Documents;

/// <summary>What the log can say is on the pages, and nothing else.</summary>
public sealed class LogReferenceTests
{
    public static TheoryData<string> Categories => [.. LogMessage.All.Select(static message => message.Category).Distinct()];

    [Fact]
    public void Ids_of_a_category_are_unique()
    {
        Assert.Empty(LogMessage.All.GroupBy(static message => (message.Category, message.Id)).Where(static group => group.Count() > 1)
            .Select(static group => $"{group.Key.Category} {group.Key.Id}: {string.Join(", ", group.Select(static message => message.Name))}"));
    }

    /// <summary>The tables of troubleshooting.md say id, level, text, cause and cure of all that is Warning or worse.</summary>
    [Theory]
    [MemberData(nameof(Categories))]
    public void Every_warning_and_error_has_its_row_in_troubleshooting(string category)
    {
        var rows = RowsUnder("docs/troubleshooting.md", $"Log of `{category}`");
        Assert.All(rows, static row => Assert.True(row.Cells.Count == 5 && row.Cells[3].Length > 0 && row.Cells[4].Length > 0, string.Join(" | ", row.Cells)));

        Assert.Equal(
            Messages(category).Where(static message => message.Level >= LogLevel.Warning).Select(static message => message.ToString()).Order(StringComparer.Ordinal),
            rows.Select(static row => $"| {row.Cells[0]} | {row.Cells[1]} | {row.Cells[2]} |").Order(StringComparer.Ordinal));
    }

    /// <summary>The tables of the reference have every message, whatever its level.</summary>
    [Theory]
    [InlineData("Transport.Linux", "docs/transport.md", "Log")]
    [InlineData("Yarp.Splice", "docs/observe.md", "Log of `Yarp.Splice`")]
    [InlineData("Demo.Gateway", "docs/observe.md", "Log of `Demo.Gateway`")]
    public void Every_message_is_in_the_reference(string category, string page, string heading)
    {
        Assert.Equal(
            Messages(category).Select(static message => message.Id).Order(),
            RowsUnder(page, heading).SelectMany(static row => row.Cells[0].Split(',')).Select(static id => int.Parse(id, CultureInfo.InvariantCulture)).Order());
    }

    private static IEnumerable<LogMessage> Messages(string category) => LogMessage.All.Where(message => message.Category == category);

    private static TableRow[] RowsUnder(string page, string heading)
    {
        var rows = Repository.Page(page).Rows.Where(row => row.Heading == heading && row.Cells[0] != "Id").ToArray();
        Assert.True(rows.Length > 0, $"{page} has no table under the heading '{heading}'.");
        return rows;
    }
}
