using Demo.Gateway.Doctor;
using Demo.Gateway.Doctor.Areas;
using Xunit;

namespace Demo.Gateway.Tests.Doctor;

/// <summary>Kernel, privileges and settings of machines that never existed.</summary>
public sealed class SettingTests
{
    private const ulong Bpf = 1UL << 39;
    private const ulong Perfmon = 1UL << 38;
    private const ulong NetAdmin = 1UL << 12;

    [Theory]
    [InlineData("net.core.somaxconn", "128", "attention", "sysctl -w net.core.somaxconn=4096")]
    [InlineData("net.core.somaxconn", "1024", "note", "sysctl -w net.core.somaxconn=4096")]
    [InlineData("net.core.somaxconn", "4096", "ok", null)]
    [InlineData("net.ipv4.tcp_max_syn_backlog", "128", "attention", "sysctl -w net.ipv4.tcp_max_syn_backlog=4096")]
    [InlineData("net.ipv4.tcp_syncookies", "0", "attention", "sysctl -w net.ipv4.tcp_syncookies=1")]
    [InlineData("net.ipv4.tcp_rmem", "4096\t87380\t212992", "attention", "sysctl -w net.ipv4.tcp_rmem=\"4096 131072 6291456\"")]
    [InlineData("net.ipv4.tcp_wmem", "4096 16384 4194304", "ok", null)]
    [InlineData("net.ipv4.tcp_mem", "100 200 300", "attention", "sysctl -w net.ipv4.tcp_mem=\"200 400 600\"")]
    [InlineData("net.ipv4.tcp_fastopen", "1", "note", "sysctl -w net.ipv4.tcp_fastopen=3")]
    [InlineData("net.ipv4.tcp_fastopen", "3", "ok", null)]
    [InlineData("net.ipv4.tcp_tw_reuse", "2", "note", "sysctl -w net.ipv4.tcp_tw_reuse=1")]
    [InlineData("net.ipv4.ip_local_port_range", "40000 41000", "attention", "sysctl -w net.ipv4.ip_local_port_range=\"10240 65535\"")]
    [InlineData("net.ipv4.ip_local_port_range", "32768 60999", "ok", null)]
    [InlineData("net.core.busy_poll", "500", "note", "sysctl -w net.core.busy_poll=0")]
    public void TcpSetting_GoodAndBad_GetsItsVerdictAndCommand(string name, string value, string verdict, string? change)
    {
        using var machine = new FakeMachine().WithSysctl(name, value);

        var finding = Assert.Single(new TcpArea(machine.Files).Examine(), finding => finding.Name == name);

        Assert.Equal((verdict, change), (Text(finding.Verdict), finding.Change));
    }

    [Fact]
    public void TcpMemory_InUseUpToThePressureLimit_NeedsAttention()
    {
        using var machine = new FakeMachine().WithSysctl("net.ipv4.tcp_mem", "100000 200000 300000").With("/proc/net/sockstat", "sockets: used 9\nTCP: inuse 3 orphan 0 tw 0 alloc 3 mem 200001");

        Assert.Equal(Verdict.Attention, Assert.Single(new TcpArea(machine.Files).Examine(), static finding => finding.Name == "net.ipv4.tcp_mem").Verdict);
    }

    [Theory]
    [InlineData("1024", "1024", "attention")]
    [InlineData("1024", "20000", "note")]
    [InlineData("1024", "1048576", "ok")]
    [InlineData("unlimited", "unlimited", "ok")]
    public void Descriptors_ByTheHardLimit_AreEnoughOrNot(string soft, string hard, string expected)
    {
        using var machine = new FakeMachine().With("/proc/self/limits",
            $"Limit                     Soft Limit           Hard Limit           Units     \nMax open files            {soft,-20} {hard,-20} files     ");

        var finding = Assert.Single(new DescriptorArea(machine.Files).Examine(), static finding => finding.Name == "nofile");

        Assert.Equal((expected, $"soft {soft}, hard {hard}"), (Text(finding.Verdict), finding.Value));
    }

    [Theory]
    [InlineData(0UL, "note")]
    [InlineData(1UL << 24, "ok")]
    public void PipePages_OfAnOrdinaryUserAndOfOneThatIsExempt(ulong capabilities, string expected)
    {
        using var machine = new FakeMachine().WithProcess(capabilities: capabilities).WithSysctl("fs.pipe-user-pages-soft", "16384");

        Assert.Equal(expected, Text(Assert.Single(new DescriptorArea(machine.Files).Examine(), static finding => finding.Name == "fs.pipe-user-pages-soft").Verdict));
    }

    [Theory]
    [InlineData("5.10.0-28-amd64", "note")]
    [InlineData("6.12.10", "note")]
    [InlineData("6.12.63+deb13-amd64", "ok")]
    [InlineData("6.18.44-fc-v595", "ok")]
    public void Kernel_ByItsRelease_HasKnownFaultsOrNot(string release, string expected)
    {
        using var machine = new FakeMachine().WithSysctl("kernel.osrelease", release);

        Assert.Equal(expected, Text(Assert.Single(new KernelArea(machine.Files).Examine(), static finding => finding.Name == "sockmap-faults").Verdict));
    }

    [Fact]
    public void Kernel_OfADistribution_IsJudgedByTheReleaseBehindItsName()
    {
        using var machine = new FakeMachine().WithSysctl("kernel.osrelease", "6.1.0-56-amd64").WithSysctl("kernel.version", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-1 (2026-09-01)");

        var findings = new KernelArea(machine.Files).Examine().ToDictionary(static finding => finding.Name);

        Assert.Equal("6.1.0-56-amd64 (that is 6.1.192)", findings["release"].Value);
        Assert.Equal(Verdict.Ok, findings["sockmap-faults"].Verdict);
    }

    [Fact]
    public void Kernel_ThatPanicsOnWarnings_SaysThatSockmapIsNotUsed()
    {
        using var machine = new FakeMachine().WithSysctl("kernel.osrelease", "6.18.1").WithSysctl("kernel.panic_on_warn", "1");

        var finding = Assert.Single(new KernelArea(machine.Files).Examine(), static finding => finding.Name == "kernel.panic_on_warn");

        Assert.Equal((Verdict.Note, "sysctl -w kernel.panic_on_warn=0"), (finding.Verdict, finding.Change));
    }

    [Theory]
    [InlineData(0UL, "missing: CAP_BPF and CAP_NET_ADMIN", "missing: CAP_PERFMON")]
    [InlineData(Bpf | NetAdmin, "CAP_BPF and CAP_NET_ADMIN", "missing: CAP_PERFMON")]
    [InlineData(Bpf | Perfmon, "missing: CAP_NET_ADMIN", "CAP_PERFMON")]
    public void Privileges_ByWhatIsPermitted_AreNamed(ulong capabilities, string sockmap, string exact)
    {
        using var machine = new FakeMachine().WithProcess(capabilities: capabilities, noNewPrivileges: 1);

        var findings = new PrivilegeArea(machine.Files).Examine().ToDictionary(static finding => finding.Name);

        Assert.Equal(sockmap, findings["sockmap-capabilities"].Value);
        Assert.Equal(exact, findings["exact-form-capability"].Value);
        var isMissing = sockmap.StartsWith("missing", StringComparison.Ordinal);
        Assert.Equal(isMissing ? Verdict.Note : Verdict.Ok, findings["sockmap-capabilities"].Verdict);
        Assert.Equal(isMissing ? Verdict.Note : Verdict.Ok, findings["no_new_privs"].Verdict);
    }

    [Fact]
    public void Conntrack_NearlyFull_NeedsAttention()
    {
        using var machine = new FakeMachine().WithSysctl("net.netfilter.nf_conntrack_max", "65536").WithSysctl("net.netfilter.nf_conntrack_count", "60000");

        var finding = Assert.Single(new ConntrackArea(machine.Files).Examine());

        Assert.Equal((Verdict.Attention, "60000 of 65536"), (finding.Verdict, finding.Value));
    }

    [Fact]
    public void Bpf_WithoutCompilerAndTypes_IsNoted()
    {
        using var machine = new FakeMachine().WithSysctl("net.core.bpf_jit_enable", "0").WithSysctl("kernel.unprivileged_bpf_disabled", "2");

        var findings = new BpfArea(machine.Files).Examine().ToDictionary(static finding => finding.Name);

        Assert.Equal("sysctl -w net.core.bpf_jit_enable=1", findings["net.core.bpf_jit_enable"].Change);
        Assert.Equal(Verdict.Ok, findings["kernel.unprivileged_bpf_disabled"].Verdict);
        Assert.Equal(Verdict.Note, findings["btf"].Verdict);
    }

    private static string Text(Verdict verdict) => verdict.ToString().ToLowerInvariant();
}
