using System.Runtime.Versioning;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Deploy;

/// <summary>The setting User: started as root, the gateway becomes somebody else when it has what needs root.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class UserTests : IDisposable
{
    /// <summary>The configuration file is in a folder that only root can read.</summary>
    private const string FileIsRoots = "no permission to read the file";

    private readonly TcpUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    public void Dispose() => _upstream.Dispose();

    [RequiresBpfFact]
    public async Task Sockmap_works_after_the_gateway_has_given_up_root()
    {
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Sockmap", _port, _upstream.Port), "--User=nobody");
        gateway.ExpectError(FileIsRoots);
        await gateway.Program.WaitForOutputAsync("Runs as user nobody");
        using var load = await RequestResponseLoad.StartAsync(_port, _upstream, connections: 2, answerSize: 128);

        // Stopped, only the kernel can be the one that relays.
        gateway.Program.Suspend();
        var before = load.Since(0).Length;
        await Deadline.UntilAsync(() => Task.FromResult(load.Since(0).Length > before + 1000), () => "nothing is relayed in the kernel");
        gateway.Program.Resume();

        foreach (var thread in Directory.GetDirectories($"/proc/{gateway.Program.ProcessId}/task"))
        {
            var status = await File.ReadAllLinesAsync(Path.Combine(thread, "status"));
            Assert.Contains("CapEff:\t0000000000000000", status);
            Assert.Contains("CapPrm:\t0000000000000000", status);
            Assert.DoesNotContain(status, static line => line.StartsWith("Uid:", StringComparison.Ordinal) && line.Split('\t').Skip(1).Contains("0"));
        }
    }

    [RequiresBpfFact]
    public async Task A_route_that_a_reload_brings_finds_the_program_loaded()
    {
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Copy", _port, _upstream.Port), "--User=65534");
        gateway.ExpectError(FileIsRoots);
        await gateway.Program.WaitForOutputAsync("Runs as user 65534");
        File.SetUnixFileMode(Path.GetDirectoryName(gateway.ConfigFile)!, (UnixFileMode)Convert.ToInt32("755", 8));
        var port = FreePort.Next();
        await gateway.ReplaceConfigurationAsync(GatewayConfiguration.Tcp("Sockmap", port, _upstream.Port).ToJsonString());
        await Deadline.UntilListeningAsync(port, () => gateway.Program.Everything);
        Assert.Contains("Mode Sockmap runs in its", gateway.Program.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("runs as Splice", gateway.Program.Output, StringComparison.Ordinal);
        // Where the look at the port waits to be accepted.
        _upstream.Dispose();
    }

    [RequiresBpfFact]
    public async Task The_variable_User_is_the_setting_and_USER_is_not()
    {
        // Whatever the name there: systemd sets it for the unit's own user, whom a gateway that is not root could not become.
        await using var unasked = await Gateway.StartAsync(GatewayConfiguration.Tcp("Copy", _port, _upstream.Port), new Dictionary<string, string> { ["USER"] = "nobody" });
        await using var asked = await Gateway.StartAsync(GatewayConfiguration.Tcp("Copy", FreePort.Next(), _upstream.Port), new Dictionary<string, string> { ["User"] = "nobody" });
        asked.ExpectError(FileIsRoots);
        await asked.Program.WaitForOutputAsync("Runs as user nobody");
        await unasked.Program.WaitForOutputAsync("Application started");
        Assert.DoesNotContain("Runs as user", unasked.Program.Output, StringComparison.Ordinal);
    }

    [RequiresProgramTheory("setpriv")]
    [InlineData("no-such-user", false, 2, "User: there is no user 'no-such-user'; accepted is")]
    [InlineData("root", false, 2, "User: 'root' is root; accepted is")]
    [InlineData("0", false, 2, "User: '0' is root; accepted is")]
    [InlineData("nobody", true, 1, "User: only root can become 'nobody'; accepted is to start as root")]
    public async Task What_it_cannot_become_is_said(string user, bool startsAsOther, int exitCode, string expected)
    {
        await using var program = startsAsOther ? Gateway.RunAsOther($"--User={user}") : Gateway.Run($"--User={user}");
        Assert.Equal(exitCode, await program.WaitForExitAsync());
        Assert.Contains(expected, program.Error, StringComparison.Ordinal);
    }
}
