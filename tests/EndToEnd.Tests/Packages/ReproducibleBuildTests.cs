using System.Security.Cryptography;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Packages;

/// <summary>The same sources give the same assemblies, wherever they are built: anybody can check what was published.</summary>
public sealed class ReproducibleBuildTests : IDisposable
{
    private static readonly TimeSpan s_buildTime = TimeSpan.FromMinutes(10);

    private static readonly string[] s_files =
        ["global.json", "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props", ".editorconfig", "LICENSE"];

    private static readonly string[] s_assemblies = ["Transport.Linux", "Yarp.Splice", "Demo.Gateway"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("reproducible-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Two_builds_in_different_folders_give_the_same_assemblies_and_symbols()
    {
        var first = await BuildAsync("here");
        var second = await BuildAsync("somewhere/else");

        Assert.Equal(first, second);
    }

    private async Task<string[]> BuildAsync(string name)
    {
        var folder = _folder.CreateSubdirectory(name).FullName;
        foreach (var file in s_files)
        {
            File.Copy(Path.Combine(Gateway.RepositoryRoot, file), Path.Combine(folder, file));
        }

        Copy("src");
        Copy("bpf");
        await using var build = RunningProgram.Start(Programs.DotnetHost,
            ["build", "src/Demo.Gateway", "-c", "Release", "-p:ContinuousIntegrationBuild=true", "--nologo", "-v", "quiet", "--disable-build-servers"],
            workingDirectory: folder);
        Assert.True(await build.WaitForExitAsync(s_buildTime) == 0, build.Everything);
        return [.. s_assemblies.SelectMany(static assembly => new[] { $"{assembly}.dll", $"{assembly}.pdb" })
            .Select(file => $"{file} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, "artifacts/bin/Demo.Gateway/release", file))))}")];

        void Copy(string part)
        {
            foreach (var file in Directory.EnumerateFiles(Path.Combine(Gateway.RepositoryRoot, part), "*", SearchOption.AllDirectories))
            {
                var target = Path.Combine(folder, part, Path.GetRelativePath(Path.Combine(Gateway.RepositoryRoot, part), file));
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(file, target);
            }
        }
    }
}
