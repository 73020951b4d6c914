using System.Text.Json.Nodes;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Deploy;

/// <summary>What deploy/sbom.sh says that the gateway is made of.</summary>
public sealed class SbomTests
{
    private static readonly string s_script = Path.Combine(Gateway.RepositoryRoot, "deploy/sbom.sh");

    [Fact]
    public async Task It_lists_every_package_of_the_gateway_with_licence_and_hash()
    {
        var (exitCode, output, error) = await RunningProgram.RunAsync(s_script, Gateway.Folder);
        Assert.True(exitCode == 0, error);

        var bill = JsonNode.Parse(output)!;
        Assert.Equal("CycloneDX", (string?)bill["bomFormat"]);
        Assert.Equal("Demo.Gateway", (string?)bill["metadata"]!["component"]!["name"]);
        var components = bill["components"]!.AsArray();
        Assert.Equal(ResolvedPackages(), components.Where(static component => component!["purl"] is not null)
            .Select(static component => $"{component!["name"]}/{component["version"]}").Order(StringComparer.Ordinal));
        Assert.Contains("System.IO.Hashing", components.Select(static component => (string?)component!["name"]));
        Assert.All(components, static component => Assert.NotEmpty((string)component!["licenses"]![0]!["expression"]!));
        Assert.All(components.Where(static component => component!["purl"] is not null),
            static component => Assert.Matches("^[0-9a-f]{128}$", (string)component!["hashes"]![0]!["content"]!));
    }

    [Fact]
    public async Task A_folder_without_a_publication_is_refused()
    {
        var (exitCode, output, error) = await RunningProgram.RunAsync(s_script, Path.GetDirectoryName(s_script)!);

        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains("accepted is the folder of dotnet publish", error, StringComparison.Ordinal);
    }

    /// <summary>What NuGet has resolved for the program, in its own words.</summary>
    private static IEnumerable<string> ResolvedPackages()
    {
        var assets = JsonNode.Parse(File.ReadAllText(Path.Combine(Gateway.RepositoryRoot, "artifacts/obj/Demo.Gateway/project.assets.json")))!;
        return assets["libraries"]!.AsObject().Where(static library => (string?)library.Value!["type"] == "package")
            .Select(static library => library.Key).Order(StringComparer.Ordinal);
    }
}
