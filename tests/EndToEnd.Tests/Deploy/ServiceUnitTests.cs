using System.Globalization;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Deploy;

/// <summary>The units under deploy/systemd.</summary>
public sealed class ServiceUnitTests : IDisposable
{
    private const string Program = "/opt/gateway/Demo.Gateway";

    private readonly TemporaryFolder _folder = new("gateway-units");

    public void Dispose() => _folder.Dispose();

    [RequiresProgramFact("systemd-analyze")]
    public async Task Systemd_finds_nothing_wrong_with_them()
    {
        var units = new List<string>();
        foreach (var name in new[] { "gateway.service", "gateway.socket" })
        {
            units.Add(_folder[name]);
            // It looks whether the program is there.
            await File.WriteAllTextAsync(units[^1], DeployFiles.Read($"systemd/{name}").Replace(Program, Programs.Require("true"), StringComparison.Ordinal));
        }

        var (exitCode, output, error) = await RunningProgram.RunAsync("systemd-analyze", ["verify", "--man=no", .. units]);
        Assert.True(exitCode == 0 && (output + error).Trim().Length == 0, output + error);
        // And it does complain.
        await File.AppendAllTextAsync(units[0], "[Service]\nNoSuchKey=1\n");
        Assert.Contains("NoSuchKey", (await RunningProgram.RunAsync("systemd-analyze", ["verify", "--man=no", .. units])).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_service_starts_the_gateway_as_its_command_line_is_and_waits_for_it_to_stop()
    {
        var service = ReadKeys("gateway.service");
        var (program, arguments) = service["ExecStart"].Split(' ') is [var first, .. var rest] ? (first, rest) : default;
        Assert.Equal(Program, program);
        var json = DeployFiles.Read("gateway.json");
        var file = _folder["gateway.json"];
        await File.WriteAllTextAsync(file, GatewayConfiguration.Tcp("Copy", FreePort.Next(), FreePort.Next()).ToJsonString());
        Assert.Equal(["--config", ImageFile.ConfigurationPath], arguments);
        await using var gateway = Gateway.Run([.. arguments.Select(argument => argument == ImageFile.ConfigurationPath ? file : argument)]);
        await gateway.WaitForOutputAsync("Application started");

        Assert.Equal("notify", service["Type"]);
        Assert.True(TimeSpan.FromSeconds(int.Parse(service["TimeoutStopSec"], CultureInfo.InvariantCulture)) > new ShippedConfiguration(json).LongestStop);
    }

    [Fact]
    public async Task A_wrong_configuration_is_not_tried_again()
    {
        var file = _folder["gateway.json"];
        await File.WriteAllTextAsync(file, """{ "ReverseProxy": { "Routes": {} } }""");
        await using var gateway = Gateway.Run("--config", file);
        Assert.Equal(ReadKeys("gateway.service")["RestartPreventExitStatus"], $"{await gateway.WaitForExitAsync()}");
    }

    [Fact]
    public void The_service_may_do_what_the_modes_need()
    {
        var service = ReadKeys("gateway.service");
        string[] expected = [.. ImageFile.Capabilities.Append("NET_BIND_SERVICE").Order()];
        Assert.Equal(expected, service["AmbientCapabilities"].Split(' ').Select(static name => name["CAP_".Length..]).Order());
        Assert.Equal(service["AmbientCapabilities"], service["CapabilityBoundingSet"]);
        Assert.Contains("bpf", service["SystemCallFilter"].Split(' '));
        Assert.False(service.ContainsKey("MemoryDenyWriteExecute"));
    }

    private static Dictionary<string, string> ReadKeys(string unit) => DeployFiles.Read($"systemd/{unit}").Split('\n')
        .Where(static line => !line.StartsWith('#') && line.Contains('='))
        .Select(static line => line.Split('=', 2))
        .GroupBy(static pair => pair[0], static pair => pair[1])
        .ToDictionary(static group => group.Key, static group => group.Last());
}
