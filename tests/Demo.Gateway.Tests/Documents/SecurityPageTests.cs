using System.Text.Json.Nodes;
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
    public void Every_threat_names_tests_that_there_are()
    {
        var rows = Repository.Page(Page).Rows.Where(static row => row.Heading == "Threat model" && row.Cells[0] != "Boundary").ToArray();
        var files = Repository.FindFiles("tests", "*.cs").Select(Path.GetFileNameWithoutExtension).ToHashSet();

        Assert.NotEmpty(rows);
        Assert.All(rows, row =>
        {
            var tests = MarkdownPage.CodeSpans(row.Cells[3]).ToArray();
            Assert.NotEmpty(tests);
            Assert.All(tests, test => Assert.True(
                test.Contains('/', StringComparison.Ordinal) ? Path.Exists(Path.Combine(Repository.Root, test)) : files.Contains(test.Split('.')[0]), test));
        });
    }

    [Fact]
    public void Every_package_is_listed_with_version_and_licence()
    {
        var shipped = RestoredPackages("Demo.Gateway");
        var asked = XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props")).Descendants("PackageVersion")
            .ToDictionary(static package => package.Attribute("Include")!.Value, static package => package.Attribute("Version")!.Value);
        var expected = shipped.Select(static package => $"{package.Key} {package.Value} gateway")
            .Concat(asked.Where(package => !shipped.ContainsKey(package.Key)).Select(static package => $"{package.Key} {package.Value} tests, benchmarks"));
        var rows = Repository.Page(Page).Rows.Where(static row => row.Heading == "Packages" && row.Cells[0] != "Package").ToArray();

        Assert.Equal(expected.Order(StringComparer.Ordinal), rows.Select(static row => $"{row.Cells[0]} {row.Cells[1]} {row.Cells[3]}").Order(StringComparer.Ordinal));
        // Those of other test projects and of the benchmarks are there only where these have been built.
        var here = rows.Where(static row => File.Exists(Specification(row.Cells[0], row.Cells[1]))).ToArray();
        Assert.Empty(shipped.Keys.Except(here.Select(static row => row.Cells[0])));
        Assert.All(here, static row => Assert.Equal(LicenceOf(row.Cells[0], row.Cells[1]), row.Cells[2]));
    }

    [Fact]
    public void Every_dependency_of_the_product_is_explained_with_its_version()
    {
        var shipped = RestoredPackages("Demo.Gateway");
        var used = Repository.FindFiles("src", "*.csproj")
            .SelectMany(static project => XDocument.Load(Path.Combine(Repository.Root, project)).Descendants("PackageReference"))
            .Select(static package => package.Attribute("Include")!.Value);

        Assert.All(used, package => Assert.Contains($"{package} {shipped[package]}", Repository.Page(Page).Text, StringComparison.Ordinal));
    }

    private static Dictionary<string, string> RestoredPackages(string project)
    {
        var assets = JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.Root, "artifacts", "obj", project, "project.assets.json")))!;
        return assets["libraries"]!.AsObject().Where(static library => (string?)library.Value!["type"] == "package")
            .Select(static library => library.Key.Split('/')).ToDictionary(static library => library[0], static library => library[1]);
    }

    private static string Specification(string package, string version)
    {
        var cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var name = package.ToLowerInvariant();
        return Path.Combine(cache, name, version, $"{name}.nuspec");
    }

    private static string? LicenceOf(string package, string version) =>
        XDocument.Load(Specification(package, version)).Descendants().SingleOrDefault(static element => element.Name.LocalName == "license")?.Value;

    // As a modifier, and not in a comment.
    [GeneratedRegex(@"^(?!\s*//).*(\bunsafe \w|\[UnsafeAccessor\()", RegexOptions.Multiline)]
    private static partial Regex Unsafe();
}
