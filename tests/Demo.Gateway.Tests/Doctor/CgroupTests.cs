using Demo.Gateway.Doctor;
using Demo.Gateway.Doctor.Areas;
using Xunit;

namespace Demo.Gateway.Tests.Doctor;

public sealed class CgroupTests
{
    private const string Version2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";

    private const string Version1 = """
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:10 - cgroup cgroup rw,memory
        39 31 0:36 / /sys/fs/cgroup/pids rw,relatime shared:11 - cgroup cgroup rw,pids
        """;

    [Fact]
    public void Version2_TheTightestLimitOnTheWayUp_Counts()
    {
        using var machine = new FakeMachine().WithProcess(cpus: "0-3")
            .With("/proc/self/mountinfo", Version2)
            .With("/proc/self/cgroup", "0::/apps/gateway")
            .With("/sys/fs/cgroup/apps/gateway/cpu.max", "max 100000")
            .With("/sys/fs/cgroup/apps/cpu.max", "50000 100000")
            .With("/sys/fs/cgroup/apps/gateway/cpu.stat", "usage_usec 5\nnr_periods 100\nnr_throttled 20\nthrottled_usec 7")
            .With("/sys/fs/cgroup/apps/gateway/memory.max", "134217728")
            .With("/sys/fs/cgroup/apps/gateway/memory.current", "1048576")
            .With("/sys/fs/cgroup/apps/memory.max", "1073741824")
            .With("/sys/fs/cgroup/apps/gateway/pids.max", "max");

        var findings = Examine(machine);

        Assert.Equal("2", findings["version"].Value);
        Assert.Equal((Verdict.Attention, "0.5 CPUs (/sys/fs/cgroup/apps)"), (findings["cpu-quota"].Verdict, findings["cpu-quota"].Value));
        Assert.StartsWith("echo max > /sys/fs/cgroup/apps/cpu.max", findings["cpu-quota"].Change, StringComparison.Ordinal);
        Assert.Equal((Verdict.Attention, "20 of 100 periods"), (findings["cpu-throttled"].Verdict, findings["cpu-throttled"].Value));
        Assert.Equal((Verdict.Attention, "128 MiB, 1 MiB used (/sys/fs/cgroup/apps/gateway)"), (findings["memory-limit"].Verdict, findings["memory-limit"].Value));
        Assert.Equal((Verdict.Ok, "none"), (findings["pids-limit"].Verdict, findings["pids-limit"].Value));
    }

    [Fact]
    public void Version1_EachControllerHasItsOwnTree()
    {
        using var machine = new FakeMachine().WithProcess(cpus: "0-3")
            .With("/proc/self/mountinfo", Version1)
            .With("/proc/self/cgroup", "9:cpu,cpuacct:/web\n4:memory:/web\n8:pids:/")
            .With("/sys/fs/cgroup/cpu,cpuacct/web/cpu.cfs_quota_us", "200000")
            .With("/sys/fs/cgroup/cpu,cpuacct/web/cpu.cfs_period_us", "100000")
            .With("/sys/fs/cgroup/memory/web/memory.limit_in_bytes", "9223372036854771712")
            .With("/sys/fs/cgroup/pids/pids.max", "100")
            .With("/sys/fs/cgroup/pids/pids.current", "40");

        var findings = Examine(machine);

        Assert.Equal("1", findings["version"].Value);
        Assert.Equal((Verdict.Note, "2 CPUs (/sys/fs/cgroup/cpu,cpuacct/web)"), (findings["cpu-quota"].Verdict, findings["cpu-quota"].Value));
        Assert.StartsWith("echo -1 > /sys/fs/cgroup/cpu,cpuacct/web/cpu.cfs_quota_us", findings["cpu-quota"].Change, StringComparison.Ordinal);
        Assert.Equal("none", findings["memory-limit"].Value);
        Assert.Equal((Verdict.Attention, "100, 40 used (/sys/fs/cgroup/pids)"), (findings["pids-limit"].Verdict, findings["pids-limit"].Value));
    }

    [Fact]
    public void Hybrid_AControllerIsReadWhereItIs()
    {
        using var machine = new FakeMachine().WithProcess(cpus: "0-1")
            .With("/proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw")
            .With("/proc/self/cgroup", "4:memory:/\n0::/job")
            .With("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824")
            .With("/sys/fs/cgroup/unified/job/cpu.max", "400000 100000");

        var findings = Examine(machine);

        Assert.Equal("hybrid (1 and 2)", findings["version"].Value);
        Assert.Equal((Verdict.Ok, "1 GiB (/sys/fs/cgroup/memory)"), (findings["memory-limit"].Verdict, findings["memory-limit"].Value));
        Assert.Equal((Verdict.Ok, "4 CPUs (/sys/fs/cgroup/unified/job)"), (findings["cpu-quota"].Verdict, findings["cpu-quota"].Value));
    }

    /// <summary>What a container without a cgroup namespace sees: a path of the host's, mounted at the top.</summary>
    [Fact]
    public void Container_WhoseGroupIsTheMountsRoot_IsReadAtTheMount()
    {
        using var machine = new FakeMachine().WithProcess()
            .With("/proc/self/mountinfo", "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory")
            .With("/proc/self/cgroup", "4:memory:/docker/abc")
            .With("/sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912")
            .With("/sys/fs/cgroup/memory/memory.usage_in_bytes", "530000000");

        var limit = Examine(machine)["memory-limit"];

        Assert.Equal((Verdict.Attention, "512 MiB, 505.4 MiB used (/sys/fs/cgroup/memory)"), (limit.Verdict, limit.Value));
    }

    [Fact]
    public void NoCgroupMounted_IsSaid()
    {
        using var machine = new FakeMachine().With("/proc/self/mountinfo", "22 1 0:21 / /proc rw - proc proc rw").With("/proc/self/cgroup", "0::/");

        var finding = Assert.Single(new CgroupArea(machine.Files).Examine());

        Assert.Equal("not readable: /proc/self/mountinfo: no cgroup is mounted", finding.Value);
    }

    private static Dictionary<string, Finding> Examine(FakeMachine machine) => new CgroupArea(machine.Files).Examine().ToDictionary(static finding => finding.Name);
}
