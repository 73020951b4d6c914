using System.Reflection;
using System.Text.Json.Nodes;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Fixtures;

/// <summary>The gateway's container image, built once by deploy/debian-image.sh, and how containers of it are run.</summary>
public sealed class ContainerImage : IAsyncLifetime
{
    private const string Tag = "localhost/gateway-test";
    private const string SeccompProfile = "/usr/share/containers/seccomp.json";

    private static readonly TimeSpan s_buildTime = TimeSpan.FromMinutes(15);

    /// <summary>Limits that need no CAP_SYS_RESOURCE; the engine's own are higher than those of many a machine.</summary>
    private static readonly string[] s_run =
        ["--runtime", "runc", "run", "--rm", "--ulimit", "nofile=20000:20000", "--ulimit", "nproc=1000:1000", "--network", "host"];

    private readonly List<string> _containers = [];
    private readonly TemporaryFolder _folder = new("gateway-container");

    /// <summary>The size of the image in bytes.</summary>
    public long Size { get; private set; }

    public async Task InitializeAsync()
    {
        if (MissingReason is not null)
        {
            return;
        }

        var root = typeof(ContainerImage).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(static attribute => attribute.Key == "RepositoryRoot").Value!;
        await using var build = RunningProgram.Start(Path.Combine(root, "deploy", "debian-image.sh"), [Tag]);
        Assert.True(await build.WaitForExitAsync(s_buildTime) == 0, build.Everything);
        var (exitCode, output, error) = await RunningProgram.RunAsync("podman", "image", "inspect", "--format", "{{.Size}}", Tag);
        Assert.True(exitCode == 0, error);
        Size = long.Parse(output.Trim(), System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Why no container can be run here; <see langword="null"/> if one can.</summary>
    public static string? MissingReason =>
        Programs.MissingReason(["podman", "buildah", "debootstrap", "runc"]) ?? (Environment.IsPrivilegedProcess ? null : "needs root, for debootstrap");

    /// <summary>Runs the image with a configuration, on the host's network, without a writable file system, and waits until it serves.</summary>
    public async Task<RunningProgram> RunAsync(JsonObject configuration, params string[] capabilities)
    {
        var name = $"gateway-{Guid.NewGuid():N}";
        _containers.Add(name);
        var file = Path.Combine(_folder.FullName, $"{name}.json");
        await File.WriteAllTextAsync(file, configuration.ToJsonString());
        var program = RunningProgram.Start("podman",
        [
            .. s_run, "--name", name, "--read-only", "--read-only-tmpfs=false", "--cap-drop", "all", .. capabilities.SelectMany(static capability => new[] { "--cap-add", capability }),
            "--env", "Admin__Url=http://127.0.0.1:0", "--security-opt", $"seccomp={await WriteSeccompAsync()}", "-v", $"{file}:/etc/gateway/gateway.json:ro", Tag,
        ]);
        await program.WaitForOutputAsync("Application started");
        return program;
    }

    /// <summary>A text file of the image.</summary>
    public static async Task<string> ReadFileAsync(string path)
    {
        var (exitCode, output, error) = await RunningProgram.RunAsync("podman", [.. s_run, "--entrypoint", "cat", Tag, path]);
        Assert.True(exitCode == 0, error);
        return output;
    }

    public async Task DisposeAsync()
    {
        _folder.Dispose();
        if (MissingReason is null)
        {
            // A test that failed leaves its container running: killing podman does not end it.
            await RunningProgram.RunAsync("podman", ["rm", "--force", "--ignore", .. _containers]);
            await RunningProgram.RunAsync("podman", "image", "rm", Tag);
        }
    }

    /// <summary>The engine's own profile, and bpf(2): profiles before 2023 do not tie it to CAP_BPF.</summary>
    private async Task<string> WriteSeccompAsync()
    {
        var profile = JsonNode.Parse(await File.ReadAllTextAsync(SeccompProfile))!;
        var rules = profile["syscalls"]!.AsArray();
        foreach (var names in rules.Select(static rule => rule!["names"]!.AsArray()))
        {
            names.RemoveAll(static name => name!.GetValue<string>() == "bpf");
        }

        rules.Add(new JsonObject { ["names"] = new JsonArray("bpf"), ["action"] = "SCMP_ACT_ALLOW" });
        var path = _folder["seccomp.json"];
        await File.WriteAllTextAsync(path, profile.ToJsonString());
        return path;
    }
}
