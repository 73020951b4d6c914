using System.Text.RegularExpressions;
using System.Xml.Linq;
using Testing;
using Xunit;

namespace Demo.Gateway.Tests.Documents;

/// <summary>What docs/security.md lists is what the sources have.</summary>
public sealed partial class SecurityPageTests
{
    private const string Page = "docs/security.md";

    [Fact]
    public void Every_file_with_unsafe_code_is_listed_with_why_it_is_sound()
    {
        var rows = Repository.Page(Page).Rows.Where(static row => row.Heading == "Unsafe code" && row.Cells[0] is ['`', ..]).ToArray();

        Assert.Equal(
            Repository.FindFiles("src", "*.cs").Where(static file => Unsafe().IsMatch(File.ReadAllText(Path.Combine(Repository.Root, file)))),
            rows.SelectMany(static row => MarkdownPage.CodeSpans(row.Cells[0])).Order(StringComparer.Ordinal));
        Assert.All(rows, static row => Assert.True(row.Cells is [_, { Length: > 0 }, { Length: > 0 }], row.Cells[0]));
    }

    [Fact]
    public void Every_package_of_the_product_is_listed_with_its_version()
    {
        var versions = XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props")).Descendants("PackageVersion")
            .ToDictionary(static package => package.Attribute("Include")!.Value, static package => package.Attribute("Version")!.Value);
        var used = Repository.FindFiles("src", "*.csproj")
            .SelectMany(static project => XDocument.Load(Path.Combine(Repository.Root, project)).Descendants("PackageReference"))
            .Select(static package => package.Attribute("Include")!.Value);

        Assert.All(used, package => Assert.Contains($"{package} {versions[package]}", Repository.Page(Page).Text, StringComparison.Ordinal));
    }

    // As a modifier, and not in a comment.
    [GeneratedRegex(@"^(?!\s*//).*(\bunsafe \w|\[UnsafeAccessor\()", RegexOptions.Multiline)]
    private static partial Regex Unsafe();
}
