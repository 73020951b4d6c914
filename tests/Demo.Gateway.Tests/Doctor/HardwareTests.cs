using Demo.Gateway.Doctor;
using Demo.Gateway.Doctor.Areas;
using Xunit;

namespace Demo.Gateway.Tests.Doctor;

/// <summary>CPUs, memory nodes and network cards of machines that never existed.</summary>
public sealed class HardwareTests
{
    [Fact]
    public void TwoNodes_WithEverythingNear_AreWell()
    {
        using var machine = FakeMachine.WithTwoNodes().WithCard("eth0", 1, (30, "4"), (31, "5"));

        var findings = Numa(machine);

        Assert.All(findings.Values, static finding => Assert.Equal(Verdict.Ok, finding.Verdict));
        Assert.Equal("node 0: CPU 0-3, 16 GiB (8 GiB free); node 1: CPU 4-7, 16 GiB (8 GiB free)", findings["nodes"].Value);
        Assert.Equal("node 0: 10 21; node 1: 21 10", findings["distances"].Value);
        Assert.Equal("node 0: 4 of 4; node 1: 4 of 4", findings["allowed-cpus-by-node"].Value);
        Assert.Equal("node 1", findings["eth0-node"].Value);
    }

    [Fact]
    public void TwoNodes_WithEverythingFar_AreExplained()
    {
        using var machine = FakeMachine.WithTwoNodes()
            .WithProcess(cpus: "0-3", nodes: "1", seccomp: 2)
            .WithCard("eth0", 1, (30, "4"))
            .WithNode(1, "4-7", "21 10", hits: 900, misses: 100)
            .WithSysctl("kernel.numa_balancing", "1")
            .WithSysctl("vm.zone_reclaim_mode", "1");

        var findings = Numa(machine);

        Assert.Equal((Verdict.Note, "node 0: 4 of 4; node 1: 0 of 4"), (findings["allowed-cpus-by-node"].Verdict, findings["allowed-cpus-by-node"].Value));
        Assert.Equal((Verdict.Attention, "nodes 1"), (findings["allowed-memory"].Verdict, findings["allowed-memory"].Value));
        Assert.StartsWith("container: --cpuset-mems 0,1;", findings["allowed-memory"].Change, StringComparison.Ordinal);
        Assert.Equal((Verdict.Attention, "node 1, none of whose CPUs is allowed"), (findings["eth0-node"].Verdict, findings["eth0-node"].Value));
        Assert.StartsWith("--LinuxTransport:CpuSet=4,5,6,7 ", findings["eth0-node"].Change, StringComparison.Ordinal);
        Assert.Equal((Verdict.Note, "a seccomp filter, and no CAP_SYS_NICE"), (findings["mbind"].Verdict, findings["mbind"].Value));
        Assert.Equal((Verdict.Note, "sysctl -w kernel.numa_balancing=0"), (findings["kernel.numa_balancing"].Verdict, findings["kernel.numa_balancing"].Change));
        Assert.Equal((Verdict.Attention, "sysctl -w vm.zone_reclaim_mode=0"), (findings["vm.zone_reclaim_mode"].Verdict, findings["vm.zone_reclaim_mode"].Change));
        Assert.Equal((Verdict.Note, "10 % of the pages since boot"), (findings["node1-misses"].Verdict, findings["node1-misses"].Value));
        Assert.Equal(Verdict.Ok, findings["node0-misses"].Verdict);
    }

    [Fact]
    public void OneNode_NeedsNoChecklist()
    {
        using var machine = new FakeMachine().WithProcess().With("/sys/devices/system/node/online", "0").WithNode(0, "0-1", "10");

        Assert.Equal("nodes", Assert.Single(new NumaArea(machine.Files).Examine()).Name);
    }

    [Theory]
    [InlineData("always [madvise] never", "2097152", "madvise", Verdict.Ok, null)]
    [InlineData("[always] madvise never", "2097152", "always", Verdict.Ok, null)]
    [InlineData("always madvise [never]", "2097152", "never", Verdict.Note, "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled")]
    [InlineData("always [madvise] never", "536870912", "madvise, of 536870912 bytes", Verdict.Note, null)]
    public void HugePages_AreToBeHadOrNot(string enabled, string size, string value, object verdict, string? change)
    {
        using var machine = new FakeMachine()
            .With("/sys/kernel/mm/transparent_hugepage/enabled", enabled).With("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", size);

        var finding = Assert.Single(new MemoryArea(machine.Files).Examine());

        Assert.Equal((value, verdict, change), (finding.Value, (object)finding.Verdict, finding.Change));
    }

    [Fact]
    public void Card_WhoseQueuesAllInterruptOneCpu_NeedsAttention()
    {
        using var machine = new FakeMachine().WithProcess(cpus: "0-3").WithCard("eth0", -1, (30, "0"), (31, "0"));

        var finding = Cards(machine)["eth0-interrupts"];

        Assert.Equal((Verdict.Attention, "30 on CPU 0, 31 on CPU 0"), (finding.Verdict, finding.Value));
        Assert.Equal("systemctl stop irqbalance; echo 0 > /proc/irq/30/smp_affinity_list; echo 1 > /proc/irq/31/smp_affinity_list", finding.Change);
    }

    [Fact]
    public void Card_WithOneQueue_IsNotedUnlessPacketsAreSteered()
    {
        using var machine = new FakeMachine().WithProcess(cpus: "0-3,32").WithCard("eth0", -1, (30, "0"));

        var finding = Cards(machine)["eth0-queues"];

        Assert.Equal((Verdict.Note, "1 receive, 1 send"), (finding.Verdict, finding.Value));
        Assert.EndsWith("echo 1,0000000f > /sys/class/net/eth0/queues/rx-0/rps_cpus", finding.Change, StringComparison.Ordinal);

        machine.With("/sys/class/net/eth0/queues/rx-0/rps_cpus", "00000001,0000000f");
        Assert.Equal(Verdict.Ok, Cards(machine)["eth0-queues"].Verdict);
    }

    /// <summary>As virtio cards are: their interrupts are named after the device.</summary>
    [Fact]
    public void Card_OnAnotherBus_IsFoundByTheNamesOfItsInterrupts()
    {
        using var machine = new FakeMachine().WithProcess()
            .With("/sys/devices/virtio2/vendor", "0x1af4")
            .WithLink("/sys/class/net/eth0/device", "../../../devices/virtio2")
            .With("/sys/class/net/eth0/queues/rx-0/rps_cpus", "0")
            .With("/proc/interrupts", "     CPU0 CPU1\n 37:  0  0 PCI-MSIX-0000:00:03.0   0-edge      virtio2-config\n 38:  0 24 PCI-MSIX-0000:00:03.0   1-edge      virtio2-input.0\n" +
                " 40:  0  0 PCI-MSIX-0000:00:04.0   0-edge      virtio3-rx")
            .With("/proc/irq/38/effective_affinity_list", "1");

        Assert.Equal("38 on CPU 1", Cards(machine)["eth0-interrupts"].Value);
    }

    [Fact]
    public void Cards_OfAContainer_AreTheHosts()
    {
        using var machine = new FakeMachine().WithProcess().With("/sys/class/net/eth0/mtu", "1500").With("/sys/class/net/lo/mtu", "65536");

        Assert.Equal((Verdict.Ok, "none seen from here (eth0, lo)"), (Cards(machine)["cards"].Verdict, Cards(machine)["cards"].Value));
    }

    [Fact]
    public void Drops_OfAnyCpu_AreAddedUp()
    {
        using var machine = new FakeMachine().WithProcess().With("/sys/class/net/lo/mtu", "65536")
            .With("/proc/net/softnet_stat", "2a794c26 00000010 00000000\n2a8835b3 00000004 00000026");

        Assert.Equal((Verdict.Note, "20"), (Cards(machine)["receive-drops"].Verdict, Cards(machine)["receive-drops"].Value));
    }

    [Fact]
    public void Cpus_NarrowedByAffinity_AreNoted()
    {
        using var machine = new FakeMachine().WithProcess(cpus: "0,2").With("/sys/devices/system/cpu/online", "0-3")
            .With("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave");

        var findings = new CpuArea(machine.Files).Examine().ToDictionary(static finding => finding.Name);

        Assert.Equal((Verdict.Note, "2: 0,2"), (findings["allowed"].Verdict, findings["allowed"].Value));
        Assert.Equal("cpupower frequency-set -g performance", findings["governor"].Change);
    }

    private static Dictionary<string, Finding> Numa(FakeMachine machine) => new NumaArea(machine.Files).Examine().ToDictionary(static finding => finding.Name);

    private static Dictionary<string, Finding> Cards(FakeMachine machine) => new NetworkCardArea(machine.Files).Examine().ToDictionary(static finding => finding.Name);
}
