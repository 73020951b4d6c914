using System.Text.Json;
using Demo.Gateway.Doctor;
using Xunit;

namespace Demo.Gateway.Tests.Doctor;

public sealed class DoctorReportTests
{
    [Fact]
    public void Examine_AMachineThatHidesEverything_SaysWhatItCouldNotRead()
    {
        using var machine = new FakeMachine();

        var report = DoctorReport.Examine(DoctorReport.ReadingAreas(machine.Files));

        Assert.All(report.Areas, static area => Assert.NotEmpty(area.Findings));
        Assert.Equal(Verdict.Note, report.Worst);
        var findings = report.Areas.SelectMany(static area => area.Findings).ToArray();
        foreach (var (name, path) in new[]
        {
            ("release", "/proc/sys/kernel/osrelease"), ("capabilities", "/proc/self/status"), ("version", "/proc/self/mountinfo"),
            ("nodes", "/sys/devices/system/node/online"), ("cards", "/sys/class/net"), ("net.core.somaxconn", "/proc/sys/net/core/somaxconn"),
            ("nofile", "/proc/self/limits"),
        })
        {
            var finding = Assert.Single(findings, finding => finding.Name == name);
            Assert.False(finding.IsRead);
            Assert.Equal($"not readable: {path}: there is no such file", finding.Value);
            Assert.Null(finding.Change);
        }
    }

    [Fact]
    public void Examine_FilesThatHoldNonsense_NeverThrows()
    {
        using var machine = FakeMachine.WithTwoNodes().WithCard("eth0", 0, (30, "x"));
        foreach (var path in new[]
        {
            "/proc/self/status", "/proc/self/mountinfo", "/proc/self/cgroup", "/proc/self/limits", "/proc/sys/kernel/osrelease", "/proc/sys/net/ipv4/tcp_mem",
            "/proc/sys/net/core/somaxconn", "/proc/sys/net/ipv4/tcp_rmem", "/proc/net/sockstat", "/proc/net/softnet_stat", "/sys/devices/system/node/node0/cpulist",
            "/sys/devices/system/node/node0/numastat", "/proc/interrupts", "/proc/irq/30/smp_affinity_list", "/proc/sys/net/netfilter/nf_conntrack_max",
            "/proc/sys/fs/pipe-user-pages-soft", "/proc/sys/net/ipv4/ip_unprivileged_port_start",
        })
        {
            machine.With(path, "TCP: mem - - x:y 1 2 nonsense");
        }

        var report = DoctorReport.Examine(DoctorReport.ReadingAreas(machine.Files));

        Assert.Contains(report.Areas.SelectMany(static area => area.Findings), static finding => finding.Value.Contains("nonsense", StringComparison.Ordinal));
    }

    [Fact]
    public void Text_OfAnyReport_FitsATerminalAndHasNoColourUnlessAsked()
    {
        using var machine = FakeMachine.WithTwoNodes().WithSysctl("net.core.somaxconn", "128");
        var report = DoctorReport.Examine(DoctorReport.ReadingAreas(machine.Files));

        var text = DoctorText.Write(report, isVerbose: true, isColoured: false);

        Assert.DoesNotContain('\e', text);
        Assert.Contains("\e[31mattention", DoctorText.Write(report, isVerbose: true, isColoured: true), StringComparison.Ordinal);
        // Commands are not broken: they are there to be copied.
        Assert.All(text.Split('\n').Where(static line => !line.Contains("-> ", StringComparison.Ordinal)), static line => Assert.InRange(line.Length, 0, 100));
        Assert.Contains("attention  net.core.somaxconn                128\n", text, StringComparison.Ordinal);
        Assert.Contains("             -> sysctl -w net.core.somaxconn=4096\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_OfAReport_HasTheDocumentedMembers()
    {
        using var machine = FakeMachine.WithTwoNodes().WithSysctl("net.core.somaxconn", "128");
        var report = DoctorReport.Examine(DoctorReport.ReadingAreas(machine.Files));

        using var json = JsonDocument.Parse(DoctorJson.Write(report));

        var root = json.RootElement;
        Assert.Equal(["schema", "program", "verdict", "attention", "notes", "ok", "findings"], root.EnumerateObject().Select(static member => member.Name));
        Assert.Equal(1, root.GetProperty("schema").GetInt32());
        Assert.Equal("attention", root.GetProperty("verdict").GetString());
        Assert.Equal(1, root.GetProperty("attention").GetInt32());
        var findings = root.GetProperty("findings").EnumerateArray().ToArray();
        Assert.Equal(findings.Length, root.GetProperty("attention").GetInt32() + root.GetProperty("notes").GetInt32() + root.GetProperty("ok").GetInt32());
        Assert.All(findings, static finding =>
            Assert.Equal(["area", "name", "value", "read", "verdict", "why", "change"], finding.EnumerateObject().Select(static member => member.Name)));
        var queue = Assert.Single(findings, static finding => finding.GetProperty("name").GetString() == "net.core.somaxconn");
        Assert.Equal("tcp", queue.GetProperty("area").GetString());
        Assert.Equal("sysctl -w net.core.somaxconn=4096", queue.GetProperty("change").GetString());
        Assert.True(queue.GetProperty("read").GetBoolean());
    }
}
