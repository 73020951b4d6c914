using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Fixtures;

/// <summary>The built gateway, as a process of its own.</summary>
internal sealed class Gateway : IAsyncDisposable
{
    private static readonly string s_path = typeof(Gateway).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "GatewayPath").Value!;

    /// <summary>Tests run side by side, so none has the admin endpoint on its usual port. The command line wins over this, a file does not.</summary>
    // USER as in every login shell, and in every unit of systemd's that has a user.
    private static readonly Dictionary<string, string> s_environment = new() { ["Admin__Url"] = "http://127.0.0.1:0", ["USER"] = "root" };

    private readonly DirectoryInfo? _folder;

    private Gateway(RunningProgram program, DirectoryInfo? folder)
    {
        Program = program;
        _folder = folder;
    }

    public static string RepositoryRoot { get; } = typeof(Gateway).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "RepositoryRoot").Value!;

    /// <summary>Where the built gateway is.</summary>
    public static string Folder { get; } = Path.GetDirectoryName(s_path)!;

    public RunningProgram Program { get; }

    public int DescriptorCount => Directory.GetFiles($"/proc/{Program.ProcessId}/fd").Length;

    public long ResidentBytes => 1024 * long.Parse(
        File.ReadLines($"/proc/{Program.ProcessId}/status").Single(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    public TimeSpan ProcessorTime
    {
        get
        {
            using var process = Process.GetProcessById(Program.ProcessId);
            return process.TotalProcessorTime;
        }
    }

    public string ConfigFile => Path.Combine(_folder!.FullName, "gateway.json");

    /// <summary>Starts it with a configuration file and waits until it serves.</summary>
    public static Task<Gateway> StartAsync(JsonObject configuration, params string[] arguments) =>
        StartAsync(configuration, new Dictionary<string, string>(), arguments);

    /// <summary>As <see cref="StartAsync(JsonObject, string[])"/>, with environment variables.</summary>
    public static async Task<Gateway> StartAsync(
        JsonObject configuration, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var folder = Directory.CreateTempSubdirectory("gateway-");
        var file = Path.Combine(folder.FullName, "gateway.json");
        await File.WriteAllTextAsync(file, configuration.ToJsonString());
        var gateway = new Gateway(Run(environment, ["--config", file, .. arguments]), folder);
        await gateway.WaitUntilStartedAsync();
        return gateway;
    }

    /// <summary>Starts it with a file that somebody else keeps, and environment variables, and waits until it serves.</summary>
    public static async Task<Gateway> StartFileAsync(string file, IReadOnlyDictionary<string, string> environment)
    {
        var gateway = new Gateway(Run(environment, ["--config", file]), folder: null);
        await gateway.WaitUntilStartedAsync();
        return gateway;
    }

    /// <summary>Starts it without a file, and waits until it serves.</summary>
    public static async Task<Gateway> StartDemonstrationAsync(params string[] arguments)
    {
        var gateway = new Gateway(Run(arguments), folder: null);
        await gateway.WaitUntilStartedAsync();
        return gateway;
    }

    /// <summary>Starts it where it is expected to exit by itself.</summary>
    public static RunningProgram Run(params string[] arguments) => Run(new Dictionary<string, string>(), arguments);

    /// <summary>As <see cref="Run"/>, without the capability to open ports below 1024 that root has.</summary>
    public static RunningProgram RunWithoutPrivilegedPorts(params string[] arguments) => Environment.IsPrivilegedProcess
        ? RunningProgram.Start(Programs.Require("setpriv"),
            ["--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service", Programs.DotnetHost, s_path, .. arguments], s_environment)
        : Run(arguments);

    /// <summary>As <see cref="Run"/>, started by another program that gets its command line.</summary>
    public static RunningProgram RunThrough(string[] starter, params string[] arguments) =>
        RunningProgram.Start(starter[0], [.. starter.Skip(1), Programs.DotnetHost, s_path, .. arguments]);

    /// <summary>As <see cref="Run"/>, not as root.</summary>
    public static RunningProgram RunAsOther(params string[] arguments) => Environment.IsPrivilegedProcess
        ? RunningProgram.Start(Programs.Require("setpriv"), ["--reuid=65534", "--regid=65534", "--clear-groups", Programs.DotnetHost, s_path, .. arguments],
            s_environment)
        : Run(arguments);

    /// <summary>As <see cref="StartAsync(JsonObject, string[])"/>, but as root without some capabilities, as setpriv(1) names them.</summary>
    public static Task<Gateway> StartWithoutAsync(string[] capabilities, JsonObject configuration)
    {
        var without = string.Join(',', capabilities.Select(static capability => $"-{capability}"));
        return StartUnderAsync([Programs.Require("setpriv"), $"--bounding-set={without}", $"--inh-caps={without}"], configuration);
    }

    /// <summary>
    /// As <see cref="StartAsync(JsonObject, string[])"/>, by another program: one that becomes the gateway, as prlimit(1) or ip-netns(8) does, or
    /// strace(1), whose process <see cref="Program"/> then is.
    /// </summary>
    public static async Task<Gateway> StartUnderAsync(string[] launcher, JsonObject configuration, params string[] arguments)
    {
        var folder = Directory.CreateTempSubdirectory("gateway-");
        var file = Path.Combine(folder.FullName, "gateway.json");
        await File.WriteAllTextAsync(file, configuration.ToJsonString());
        var gateway = new Gateway(
            RunningProgram.Start(launcher[0], [.. launcher[1..], Programs.DotnetHost, s_path, "--config", file, .. arguments], s_environment), folder);
        await gateway.WaitUntilStartedAsync();
        return gateway;
    }

    /// <summary>Replaces the configuration file in one step, as an editor does.</summary>
    public async Task ReplaceConfigurationAsync(string text)
    {
        var next = ConfigFile + ".next";
        await File.WriteAllTextAsync(next, text);
        File.Move(next, ConfigFile, overwrite: true);
    }

    /// <summary>Lowers the limit of open descriptors (RLIMIT_NOFILE) of the running gateway, so that it can open so many more and no others.</summary>
    public Task LeaveDescriptorsAsync(int spare)
    {
        var open = Directory.GetFiles($"/proc/{Program.ProcessId}/fd").Select(static path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)).ToArray();
        return SetDescriptorLimitAsync(Math.Max(open.Length + spare, open.Max() + 1));
    }

    /// <summary>Sets the soft limit of open descriptors of the running gateway.</summary>
    public async Task SetDescriptorLimitAsync(int limit)
    {
        var (exitCode, _, error) = await RunningProgram.RunAsync(Programs.Require("prlimit"), $"--pid={Program.ProcessId}", $"--nofile={limit}:");
        Assert.True(exitCode == 0, error);
    }

    public async Task<int> StopAsync()
    {
        Program.Terminate();
        return await Program.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Program.DisposeAsync();
        _folder?.Delete(recursive: true);
    }

    private static RunningProgram Run(IReadOnlyDictionary<string, string> environment, string[] arguments) =>
        RunningProgram.Start(Programs.DotnetHost, [s_path, .. arguments],
            s_environment.ExceptBy(environment.Keys, static own => own.Key).Concat(environment).ToDictionary(), Path.GetDirectoryName(s_path));

    private async Task WaitUntilStartedAsync()
    {
        try
        {
            await Program.WaitForOutputAsync("Application started");
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }
}
