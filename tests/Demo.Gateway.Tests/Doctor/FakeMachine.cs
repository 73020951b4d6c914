using Demo.Gateway.Doctor;
using Testing;

namespace Demo.Gateway.Tests.Doctor;

/// <summary>A directory that looks like / to the diagnosis.</summary>
internal sealed class FakeMachine : IDisposable
{
    private readonly TemporaryFolder _folder = new("machine");

    public SystemFiles Files => new(_folder.FullName);

    /// <summary>A machine with two memory nodes of four CPUs, all of which the process may use, and nothing to complain about.</summary>
    public static FakeMachine WithTwoNodes() => new FakeMachine()
        .WithProcess(cpus: "0-7", nodes: "0-1")
        .With("/sys/devices/system/cpu/online", "0-7")
        .With("/sys/devices/system/node/online", "0-1")
        .WithNode(0, "0-3", "10 21")
        .WithNode(1, "4-7", "21 10")
        .With("/proc/sys/kernel/numa_balancing", "0")
        .With("/proc/sys/vm/zone_reclaim_mode", "0");

    public FakeMachine With(string path, string text)
    {
        var file = Files.Locate(path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text + "\n");
        return this;
    }

    public FakeMachine WithSysctl(string name, string value) => With("/proc/sys/" + name.Replace('.', '/'), value);

    public FakeMachine WithProcess(string cpus = "0-1", string nodes = "0", ulong capabilities = 0, int noNewPrivileges = 0, int seccomp = 0) => With("/proc/self/status",
        $"Name:\tdotnet\nUid:\t1000\t1000\t1000\t1000\nCapPrm:\t{capabilities:x16}\nNoNewPrivs:\t{noNewPrivileges}\nSeccomp:\t{seccomp}\n" +
        $"Cpus_allowed_list:\t{cpus}\nMems_allowed_list:\t{nodes}");

    public FakeMachine WithNode(int node, string cpus, string distance, long hits = 1000, long misses = 0) => this
        .With($"/sys/devices/system/node/node{node}/cpulist", cpus)
        .With($"/sys/devices/system/node/node{node}/distance", distance)
        .With($"/sys/devices/system/node/node{node}/meminfo", $"Node {node} MemTotal:       16777216 kB\nNode {node} MemFree:        8388608 kB")
        .With($"/sys/devices/system/node/node{node}/numastat", $"numa_hit {hits}\nnuma_miss {misses}\nnuma_foreign 0");

    /// <summary>A card whose receive queues have an interrupt each.</summary>
    public FakeMachine WithCard(string name, int node, params (int Interrupt, string Cpus)[] queues)
    {
        With($"/sys/class/net/{name}/device/numa_node", $"{node}");
        for (var i = 0; i < queues.Length; i++)
        {
            With($"/sys/class/net/{name}/queues/rx-{i}/rps_cpus", "00");
            With($"/sys/class/net/{name}/queues/tx-{i}/xps_cpus", "00");
            With($"/sys/class/net/{name}/device/msi_irqs/{queues[i].Interrupt}", "msix");
            With($"/proc/irq/{queues[i].Interrupt}/smp_affinity_list", queues[i].Cpus);
        }

        return this;
    }

    public FakeMachine WithLink(string path, string target)
    {
        var link = Files.Locate(path);
        Directory.CreateDirectory(Path.GetDirectoryName(link)!);
        File.CreateSymbolicLink(link, target);
        return this;
    }

    public void Dispose() => _folder.Dispose();
}
