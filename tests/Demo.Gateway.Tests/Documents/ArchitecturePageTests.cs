using Testing;
using Xunit;

namespace Demo.Gateway.Tests.Documents;

public sealed class ArchitecturePageTests
{
    /// <summary>docs/architecture.md has a table of folders under each project's heading.</summary>
    [Theory]
    [InlineData("Transport.Linux")]
    [InlineData("Yarp.Splice")]
    [InlineData("Demo.Gateway")]
    public void Every_folder_of_a_project_is_explained(string project)
    {
        var explained = Repository.Page("docs/architecture.md").Rows.Where(row => row.Heading == project && row.Cells[0] != "Folder")
            .SelectMany(static row => MarkdownPage.CodeSpans(row.Cells[0])).Order(StringComparer.Ordinal);

        Assert.Equal(
            Repository.FindFiles($"src/{project}", "*.cs").Select(file => Path.GetRelativePath($"src/{project}", file))
                .Where(static file => file.Contains('/', StringComparison.Ordinal)).Select(static file => file.Split('/')[0])
                .Distinct().Order(StringComparer.Ordinal),
            explained);
    }
}
