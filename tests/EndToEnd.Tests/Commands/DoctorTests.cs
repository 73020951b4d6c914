using System.Text.Json;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Commands;

/// <summary>The diagnosis of the machine that the tests run on.</summary>
public sealed class DoctorTests
{
    private static readonly string[] s_areas = ["kernel", "privileges", "bpf", "cgroup", "cpu", "memory", "numa", "nic", "tcp", "descriptors", "conntrack", "probes"];

    [Fact]
    public async Task The_exit_code_says_whether_something_needs_attention()
    {
        await using var doctor = Gateway.Run("doctor", "--json");
        var exitCode = await doctor.WaitForExitAsync();

        using var json = JsonDocument.Parse(doctor.Output);
        var findings = json.RootElement.GetProperty("findings").EnumerateArray().ToArray();
        Assert.Equal(s_areas, findings.Select(static finding => finding.GetProperty("area").GetString()).Distinct());
        var attention = findings.Count(static finding => finding.GetProperty("verdict").GetString() == "attention");
        Assert.Equal(attention > 0 ? 1 : 0, exitCode);
        Assert.Equal(attention, json.RootElement.GetProperty("attention").GetInt32());
        var probe = Assert.Single(findings, static finding => finding.GetProperty("name").GetString() == "splice");
        Assert.Equal("works", probe.GetProperty("value").GetString());
        Assert.Empty(doctor.Error);
    }

    [Fact]
    public async Task The_text_names_every_area_and_has_no_colour_in_a_pipe()
    {
        await using var doctor = Gateway.Run("doctor");
        await doctor.WaitForExitAsync();

        Assert.All(s_areas, area => Assert.Contains($"{area}\n", doctor.Output, StringComparison.Ordinal));
        Assert.DoesNotContain('\e', doctor.Output);
        Assert.Matches(@"\d+ need attention, \d+ notes, \d+ are well\.", doctor.Output);
    }

    [RequiresProgramFact("setpriv", "prlimit")]
    public async Task Without_privileges_and_descriptors_it_says_what_is_missing()
    {
        await using var doctor = Gateway.RunThrough(
            Environment.IsPrivilegedProcess
                ? [Programs.Require("prlimit"), "--nofile=1000:1000", Programs.Require("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups"]
                : [Programs.Require("prlimit"), "--nofile=1000:1000"],
            "doctor");

        Assert.Equal(1, await doctor.WaitForExitAsync());
        Assert.Matches(@"attention +nofile +soft 1000, hard 1000", doctor.Output);
        Assert.Contains("missing: CAP_BPF and CAP_NET_ADMIN", doctor.Output, StringComparison.Ordinal);
        Assert.Matches(@"ok +splice +works", doctor.Output);
        Assert.Empty(doctor.Error);
    }

    [Fact]
    public async Task An_unknown_option_is_named_with_exit_code_2()
    {
        await using var doctor = Gateway.Run("doctor", "--jason");

        Assert.Equal(2, await doctor.WaitForExitAsync());
        Assert.Equal("doctor: --jason: unknown option; accepted are --json, --verbose and --help.\n", doctor.Error);
    }

    [Theory]
    [InlineData("check")]
    [InlineData("doctor")]
    [InlineData("health")]
    [InlineData("routes")]
    public async Task Every_command_has_a_help_of_its_own(string command)
    {
        await using var program = Gateway.Run(command, "--help");

        Assert.Equal(0, await program.WaitForExitAsync());
        Assert.StartsWith($"Demo.Gateway {command}", program.Output, StringComparison.Ordinal);
        Assert.Contains("Exit codes:", program.Output, StringComparison.Ordinal);
    }
}
