using System.Text.RegularExpressions;
using Demo.Gateway.CommandLine;
using Testing;
using Transport.Linux;
using Xunit;
using Yarp.Splice.Health;
using Yarp.Splice.Limits;
using Yarp.Splice.Routing;

namespace Demo.Gateway.Tests.Documents;

/// <summary>Every key that the code reads is on its page, and every key on a page is one that the code reads.</summary>
public sealed partial class ConfigurationKeyTests
{
    private static readonly string[] s_metadataKeys =
    [
        SpliceMetadata.ModeMetadata, DestinationLimit.Metadata, .. SpliceMetadata.Keys.Select(static key => SpliceMetadata.Prefix + key), .. ClusterHealthSettings.Keys,
    ];

    [Fact]
    public void Every_option_of_the_transport_has_its_row()
    {
        var rows = Repository.Page("docs/transport.md").Rows.Where(static row => row.Cells[0] is ['`', ..] && row.Heading is "Event loops" or "Memory" or "Sockets")
            .Where(static row => char.IsUpper(row.Cells[0][1])).ToArray();

        Assert.Equal(
            typeof(LinuxTransportOptions).GetProperties().Select(static property => property.Name).Order(StringComparer.Ordinal),
            rows.Select(static row => row.Cells[0].Trim('`')).Order(StringComparer.Ordinal));
        Assert.All(rows, static row => Assert.True(row.Cells.Count >= 5 && row.Cells.All(static cell => cell.Length > 0), string.Join(" | ", row.Cells)));
    }

    [Fact]
    public void Every_key_of_a_route_is_described()
    {
        var described = Repository.Page("docs/routes.md").Rows.SelectMany(static row => MarkdownPage.CodeSpans(row.Cells[0])).ToHashSet(StringComparer.Ordinal);

        Assert.Empty(SpliceMetadata.Keys.Select(static key => $"{SpliceMetadata.SectionKey}:{key}").Except(described));
        Assert.Empty(ClusterHealthSettings.Keys.Append(DestinationLimit.Metadata).Except(described));
    }

    [Fact]
    public void Every_key_of_a_route_that_a_page_names_exists()
    {
        Assert.Empty(NamedIn(SpliceSetting()).Except(SpliceMetadata.Keys.Select(static key => $"{SpliceMetadata.SectionKey}:{key}")));
        Assert.Empty(NamedIn(SpliceMetadataKey()).Except(s_metadataKeys));
    }

    [Fact]
    public void Every_option_of_the_transport_that_a_page_names_exists()
    {
        Assert.Empty(NamedIn(TransportSetting()).Except(typeof(LinuxTransportOptions).GetProperties().Select(static property => $"LinuxTransport:{property.Name}")));
    }

    [Fact]
    public void Every_option_of_the_help_is_described()
    {
        var described = Repository.Page("docs/configuration.md").Rows.Where(static row => row.Heading == "The program")
            .SelectMany(static row => Option().Matches(row.Cells[0])).Select(static option => option.Value).ToHashSet(StringComparer.Ordinal);

        var options = Usage.Text[..Usage.Text.IndexOf("Examples:", StringComparison.Ordinal)];
        Assert.Empty(Option().Matches(options).Select(static option => option.Value).Except(described));
    }

    [Fact]
    public void Every_command_of_the_program_is_described()
    {
        Assert.Empty(Commands.Names.Split(", ").Except(Repository.Page("docs/configuration.md").Rows
            .Where(static row => row.Heading == "The program").SelectMany(static row => MarkdownPage.CodeSpans(row.Cells[0])).Select(static span => span.Split(' ')[0])));
    }

    [Fact]
    public void Every_option_that_is_described_is_accepted()
    {
        foreach (var option in Repository.Page("docs/configuration.md").Rows.Where(static row => row.Heading == "The program")
            .SelectMany(static row => Option().Matches(row.Cells[0])).Select(static option => option.Value).Where(static option => option != "--Section:Key"))
        {
            _ = GatewayCommandLine.Parse(option is "--help" or "--version" ? [option] : [$"{option}=1"]);
        }
    }

    /// <summary>Whatever stands between backticks on a page for users and looks like such a key.</summary>
    private static HashSet<string> NamedIn(Regex key)
    {
        var named = Repository.Pages.Where(static page => page.Key.StartsWith("docs/", StringComparison.Ordinal) || page.Key == "README.md")
            .SelectMany(static page => page.Value.Text.Split('\n')).SelectMany(MarkdownPage.CodeSpans).SelectMany(span => key.Matches(span))
            .Select(static match => match.Value).ToHashSet(StringComparer.Ordinal);
        Assert.NotEmpty(named);
        return named;
    }

    [GeneratedRegex(@"\bSplice:[A-Z]\w+")]
    private static partial Regex SpliceSetting();

    // Behind a dot the assemblies, meters and log categories of the name go on in other ways.
    [GeneratedRegex(@"(?<![\w.])Splice\.[A-Z]\w+")]
    private static partial Regex SpliceMetadataKey();

    [GeneratedRegex(@"\bLinuxTransport:[A-Z]\w+")]
    private static partial Regex TransportSetting();

    [GeneratedRegex(@"(?<![\w-])--[A-Za-z]+(:[A-Za-z]+)*")]
    private static partial Regex Option();
}
