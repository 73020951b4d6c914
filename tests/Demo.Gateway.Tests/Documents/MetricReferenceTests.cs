using System.Text.RegularExpressions;
using Testing;
using Xunit;

namespace Demo.Gateway.Tests.Documents;

/// <summary>Every metric of the product has its row, and every row is a metric.</summary>
public sealed partial class MetricReferenceTests
{
    [Theory]
    [InlineData("Transport.Linux", "transport.linux.", "docs/transport.md")]
    [InlineData("Yarp.Splice", "splice.", "docs/observe.md")]
    [InlineData("Demo.Gateway", "gateway.", "docs/observe.md")]
    public void Instruments_of_a_project_are_those_of_its_page(string project, string prefix, string page)
    {
        Assert.Equal(
            Repository.FindFiles($"src/{project}", "*.cs").SelectMany(static file => Instrument().Matches(File.ReadAllText(Path.Combine(Repository.Root, file))))
                .Select(static instrument => instrument.Groups["name"].Value).Order(StringComparer.Ordinal),
            Repository.Page(page).Rows.Where(static row => row.Heading == "Metrics" && row.Cells.Count == 4)
                .SelectMany(static row => MarkdownPage.CodeSpans(row.Cells[0])).Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
                .Order(StringComparer.Ordinal));
    }

    [GeneratedRegex("""\.Create(Observable)?(Counter|UpDownCounter|Gauge|Histogram)(<\w+>)?\(\s*"(?<name>[a-z_.]+)""" + "\"")]
    private static partial Regex Instrument();
}
