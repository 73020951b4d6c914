using System.IO.Compression;
using System.Reflection;
using System.Xml.Linq;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Packages;

/// <summary>What <c>dotnet pack</c> makes of the libraries, and an application that uses the result.</summary>
public sealed class PackageTests : IDisposable
{
    private static readonly string s_root = Path.GetFullPath(BuildFact("RepositoryRoot"));

    private readonly TemporaryFolder _folder = new("packages");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Transport.Linux", "UseLinuxZeroCopyTransport", new string[0])]
    [InlineData("Yarp.Splice", "AddSplice", new[] { "Transport.Linux", "Yarp.ReverseProxy" })]
    public async Task Package_has_library_documentation_readme_licence_and_symbols(string library, string documented, string[] dependencies)
    {
        var version = await PackAsync(library);
        using var package = ZipFile.OpenRead(Path.Combine(_folder.FullName, $"{library}.{version}.nupkg"));
        Assert.NotNull(package.GetEntry($"lib/net10.0/{library}.dll"));
        Assert.Contains($".{documented}(", Read(package, $"lib/net10.0/{library}.xml"), StringComparison.Ordinal);
        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(s_root, "src", library, "README.md")), Read(package, "README.md"));

        var metadata = XDocument.Parse(Read(package, $"{library}.nuspec")).Root!.Elements().Single();
        Assert.Equal("MIT", Value("license"));
        Assert.Equal("README.md", Value("readme"));
        Assert.NotEmpty(Value("description"));
        Assert.Equal(dependencies, metadata.Descendants().Where(static element => element.Name.LocalName == "dependency")
            .Select(static element => element.Attribute("id")!.Value).Order(StringComparer.Ordinal));
        var repository = metadata.Elements().Single(static element => element.Name.LocalName == "repository");
        Assert.Equal("git", repository.Attribute("type")!.Value);
        if (Path.Exists(Path.Combine(s_root, ".git")))
        {
            Assert.Matches("^[0-9a-f]{40}$", repository.Attribute("commit")!.Value);
        }

        using var symbols = ZipFile.OpenRead(Path.Combine(_folder.FullName, $"{library}.{version}.snupkg"));
        Assert.NotNull(symbols.GetEntry($"lib/net10.0/{library}.pdb"));

        string Value(string name) => metadata.Elements().Single(element => element.Name.LocalName == name).Value;
    }

    [Fact]
    public async Task The_sample_in_the_documents_is_the_one_that_is_tested()
    {
        var sample = await File.ReadAllTextAsync(Path.Combine(s_root, "docs/samples/PlainApp/Program.cs"));
        Assert.Contains($"```csharp\n{sample}```", await File.ReadAllTextAsync(Path.Combine(s_root, "docs/transport.md")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_sample_of_the_documents_builds_against_the_package_and_serves()
    {
        var version = await PackAsync("Transport.Linux");
        var project = Directory.CreateDirectory(_folder["app"]);
        await File.WriteAllTextAsync(Path.Combine(project.FullName, "App.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk.Web">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <RestoreSources>{_folder.FullName}</RestoreSources>
                <RestorePackagesPath>{_folder.FullName}/cache</RestorePackagesPath>
                <OutputPath>bin</OutputPath>
                <AppendTargetFrameworkToOutputPath>false</AppendTargetFrameworkToOutputPath>
                <UseAppHost>false</UseAppHost>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Transport.Linux" Version="{version}" />
              </ItemGroup>
            </Project>
            """);
        File.Copy(Path.Combine(s_root, "docs/samples/PlainApp/Program.cs"), Path.Combine(project.FullName, "Program.cs"));
        await RunDotnetAsync("build", project.FullName, "--nologo", "-v", "quiet", "--disable-build-servers");

        var port = FreePort.Next();
        await using var app = RunningProgram.Start(
            Programs.DotnetHost, [Path.Combine(project.FullName, "bin", "App.dll"), $"--urls=http://127.0.0.1:{port}"]);
        await app.WaitForOutputAsync("Application started");
        Assert.Contains("Transport.Linux[100]", app.Output, StringComparison.Ordinal);
        using var client = new HttpClient();
        Assert.Equal("Hello from the event loop", await client.GetStringAsync(new Uri($"http://127.0.0.1:{port}/")));
    }

    private static string BuildFact(string key) =>
        typeof(PackageTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;

    private static string Read(ZipArchive archive, string entry)
    {
        using var reader = new StreamReader(archive.GetEntry(entry)!.Open());
        return reader.ReadToEnd();
    }

    private static async Task RunDotnetAsync(params string[] arguments)
    {
        var (exitCode, output, error) = await RunningProgram.RunAsync(Programs.DotnetHost, arguments);
        Assert.True(exitCode == 0, $"dotnet {string.Join(' ', arguments)}\n{output}\n{error}");
    }

    /// <summary>Packs what was built for these tests, and returns the package's version.</summary>
    private async Task<string> PackAsync(string library)
    {
        await RunDotnetAsync("pack", Path.Combine(s_root, "src", library), "--no-build", "--nologo", "-c", BuildFact("Configuration"),
            "-o", _folder.FullName, "--disable-build-servers");
        var file = Path.GetFileNameWithoutExtension(new DirectoryInfo(_folder.FullName).GetFiles($"{library}.*.nupkg").Single().Name);
        return file[(library.Length + 1)..];
    }
}
