using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Fixtures;

/// <summary>The built gateway, as a process of its own.</summary>
internal sealed partial class Gateway : IAsyncDisposable
{
    public const string NoAdminEndpoint = "--Admin:Url=off";

    private static readonly string s_path = typeof(Gateway).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "GatewayPath").Value!;

    /// <summary>Tests run side by side, so none has the admin endpoint on its usual port. The command line wins over this, a file does not.</summary>
    // USER as in every login shell, and in every unit of systemd's that has a user. Diagnostics have pipes and sockets, whose files a kill leaves behind.
    private static readonly Dictionary<string, string> s_environment = new()
    {
        ["Admin__Url"] = "http://127.0.0.1:0",
        ["USER"] = "root",
        ["DOTNET_EnableDiagnostics"] = "0",
    };

    private readonly TemporaryFolder? _folder;
    private readonly List<string> _expectedErrors = [];
    private readonly long _started = FailedAssertion.Now;

    private GatewayLeaks? _leaks;
    private bool _isUnchecked;

    private Gateway(RunningProgram program, TemporaryFolder? folder, string[] arguments)
    {
        Program = program;
        _folder = folder;
        HasAdminEndpoint = !arguments.Contains(NoAdminEndpoint);
    }

    public static string RepositoryRoot { get; } = typeof(Gateway).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "RepositoryRoot").Value!;

    /// <summary>Where the built gateway is.</summary>
    public static string Folder { get; } = Path.GetDirectoryName(s_path)!;

    public RunningProgram Program { get; }

    public bool HasAdminEndpoint { get; }

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

    public string ConfigFile => _folder!["gateway.json"];

    /// <summary>Starts it with a configuration file and waits until it serves.</summary>
    public static Task<Gateway> StartAsync(JsonObject configuration, params string[] arguments) =>
        StartAsync(configuration, new Dictionary<string, string>(), arguments);

    /// <summary>As <see cref="StartAsync(JsonObject, string[])"/>, with environment variables.</summary>
    public static async Task<Gateway> StartAsync(
        JsonObject configuration, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var folder = await CreateFolderAsync(configuration);
        var gateway = new Gateway(Run(environment, ["--config", folder["gateway.json"], .. arguments]), folder, arguments);
        await gateway.WaitUntilStartedAsync();
        return gateway;
    }

    /// <summary>Starts it with a file that somebody else keeps, and environment variables, and waits until it serves.</summary>
    public static async Task<Gateway> StartFileAsync(string file, IReadOnlyDictionary<string, string> environment)
    {
        var gateway = new Gateway(Run(environment, ["--config", file]), folder: null, []);
        await gateway.WaitUntilStartedAsync();
        return gateway;
    }

    /// <summary>Starts it without a file, and waits until it serves.</summary>
    public static async Task<Gateway> StartDemonstrationAsync(params string[] arguments)
    {
        var gateway = new Gateway(Run(arguments), folder: null, arguments);
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
        var folder = await CreateFolderAsync(configuration);
        string[] command = [.. launcher[1..], Programs.DotnetHost, s_path, "--config", folder["gateway.json"], .. arguments];
        var gateway = new Gateway(RunningProgram.Start(launcher[0], command, s_environment), folder, arguments);
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

    /// <summary>
    /// Takes its end out of <see cref="DisposeAsync"/>'s checks: for a test that kills, cripples or starves it on purpose, or leaves its clients
    /// connected.
    /// </summary>
    public void LeaveUnchecked() => _isUnchecked = true;

    /// <summary>Says that lines of level Error or Critical in its log that contain the text are what the test is about.</summary>
    public void ExpectError(string text) => _expectedErrors.Add(text);

    /// <summary>Says that a changed configuration will be refused, which is logged as an error.</summary>
    public void ExpectRefusedConfiguration() =>
        _expectedErrors.AddRange("The configuration that is running stays", "The new configuration is not applied", "Failed to apply the new config");

    /// <summary>
    /// Ends it. Before, with all clients gone, it must come back to what it had open at its start; it must then end with exit code 0, and must not
    /// have logged an error.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        var failure = FailedAssertion.Since(_started);
        try
        {
            if (_leaks is not null && !_isUnchecked)
            {
                await AssertEndsWellAsync(_leaks);
            }
        }
        catch (Exception exception) when (failure is not null)
        {
            // Thrown while that one is on its way, which the language would forget.
            throw new AggregateException(failure, exception);
        }
        finally
        {
            await Program.DisposeAsync();
            _folder?.Dispose();
        }
    }

    private async Task AssertEndsWellAsync(GatewayLeaks leaks)
    {
        if (!Program.HasExited)
        {
            await leaks.AssertNoneAsync();
            Assert.True(await StopAsync() == 0, Program.Everything);
        }

        var errors = Program.Everything.Split('\n').Where(line => ErrorLine().IsMatch(line) && !_expectedErrors.Exists(line.Contains)).ToArray();
        Assert.True(errors.Length == 0, string.Join('\n', errors));
    }

    private static async Task<TemporaryFolder> CreateFolderAsync(JsonObject configuration)
    {
        var folder = new TemporaryFolder("gateway");
        await File.WriteAllTextAsync(folder["gateway.json"], configuration.ToJsonString());
        return folder;
    }

    private static RunningProgram Run(IReadOnlyDictionary<string, string> environment, string[] arguments) =>
        RunningProgram.Start(Programs.DotnetHost, [s_path, .. arguments],
            s_environment.ExceptBy(environment.Keys, static own => own.Key).Concat(environment).ToDictionary(), Path.GetDirectoryName(s_path));

    private async Task WaitUntilStartedAsync()
    {
        try
        {
            await Program.WaitForOutputAsync("Application started");
            _leaks = await GatewayLeaks.BeginAsync(this);
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    [GeneratedRegex("^[0-9:]{8} (fail|crit): ")]
    private static partial Regex ErrorLine();
}
