using System.Globalization;
using Transport.Linux.Numa;

namespace Demo.Gateway.Doctor.Areas;

/// <summary>The memory nodes, and whether memory, CPUs and network cards are used where they are near each other (numa(7)).</summary>
internal sealed class NumaArea(SystemFiles files) : IDoctorArea
{
    private const string Folder = "/sys/devices/system/node";
    private const string Balancing = "kernel.numa_balancing";
    private const string Reclaim = "vm.zone_reclaim_mode";
    private const int CAP_SYS_NICE = 23;

    public string Name => "numa";

    public IEnumerable<Finding> Examine()
    {
        const string Why = "Memory of another node costs a gateway from some percent to a multiple; pinned event loops take theirs from their own (LinuxTransport:NumaMode).";
        var topology = new NumaTopology(files.Locate("/sys"));
        var online = files.Read($"{Folder}/online");
        if (topology.Nodes.Length == 0)
        {
            yield return Finding.Unread("nodes", online with { Obstacle = online.Obstacle ?? "it names no node with CPUs" }, Why);
            yield break;
        }

        yield return Finding.Ok("nodes", string.Join("; ", topology.Nodes.Select(static entry => entry.Node).Select(Describe)), Why);
        if (topology.Nodes.Length == 1)
        {
            yield break;
        }

        var status = new ProcessStatus(files);
        yield return Finding.Ok("distances", string.Join("; ", topology.Nodes.Select(entry => $"node {entry.Node}: {files.Read($"{Folder}/node{entry.Node}/distance").Text ?? "unknown"}")),
            "How far memory is, in tenths of the way to a CPU's own.");
        yield return DescribeCpus(topology, status);
        yield return DescribeMemory(topology, status);
        foreach (var card in NetworkCards.In(files).Where(card => card.Node >= 0))
        {
            yield return DescribeCard(card, topology, status);
        }

        yield return DescribeBinding(status);
        yield return DescribeSetting(Balancing,
            "The kernel unmaps pages to see who uses them, and moves them; event loops that are pinned, with memory of their own node, only pay for it.");
        yield return DescribeSetting(Reclaim, "Anything but 0 makes the kernel throw out a node's cache before it takes memory of another node: pauses.", Verdict.Attention);
        foreach (var (node, _) in topology.Nodes)
        {
            if (DescribeMisses(node) is { } misses)
            {
                yield return misses;
            }
        }
    }

    private string Describe(int node)
    {
        var memory = files.Read($"{Folder}/node{node}/meminfo");
        return $"node {node}: CPU {files.Read($"{Folder}/node{node}/cpulist").Text}" +
            (ReadKilobytes(memory, node, "MemTotal") is { } total ? $", {SizeText.Of(total * 1024)}" : "") +
            (ReadKilobytes(memory, node, "MemFree") is { } free ? $" ({SizeText.Of(free * 1024)} free)" : "");
    }

    private static long? ReadKilobytes(Reading memory, int node, string key) =>
        memory.Line(string.Create(CultureInfo.InvariantCulture, $"Node {node} {key}:")) is { } text
            && long.TryParse(text.Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var kilobytes) ? kilobytes : null;

    private static Finding DescribeCpus(NumaTopology topology, ProcessStatus status)
    {
        var allowed = status.AllowedCpus;
        var unused = topology.Nodes.Where(entry => !entry.Cpus.Intersect(allowed).Any()).Select(static entry => entry.Node).ToArray();
        return Finding.Judge("allowed-cpus-by-node",
            string.Join("; ", topology.Nodes.Select(entry => $"node {entry.Node}: {entry.Cpus.Intersect(allowed).Count()} of {entry.Cpus.Length}")),
            unused.Length > 0 ? Verdict.Note : Verdict.Ok,
            "Event loops are spread over the nodes whose CPUs are allowed. One gateway for each node, on its CPUs and memory only, is a good way too.",
            "numactl --cpunodebind=NODE --membind=NODE Demo.Gateway …; container: --cpuset-cpus, --cpuset-mems");
    }

    private static Finding DescribeMemory(NumaTopology topology, ProcessStatus status)
    {
        const string Why = "Event loops on a node whose memory is not allowed have all of their buffers elsewhere.";
        var allowed = status.AllowedNodes;
        var far = topology.Nodes.Where(entry => entry.Cpus.Intersect(status.AllowedCpus).Any()).Select(static entry => entry.Node).Except(allowed).ToArray();
        return allowed.Length == 0
            ? Finding.Unread("allowed-memory", status.Reading with { Obstacle = status.Reading.Obstacle ?? "it has no line Mems_allowed_list" }, Why)
            : Finding.Judge("allowed-memory", $"nodes {string.Join(',', allowed)}", far.Length > 0 ? Verdict.Attention : Verdict.Ok, Why,
                $"container: --cpuset-mems {string.Join(',', allowed.Concat(far).Order())}; systemd: AllowedMemoryNodes={string.Join(',', allowed.Concat(far).Order())}");
    }

    private static Finding DescribeCard(NetworkCard card, NumaTopology topology, ProcessStatus status)
    {
        var cpus = topology.Nodes.FirstOrDefault(entry => entry.Node == card.Node).Cpus ?? [];
        var isNear = cpus.Intersect(status.AllowedCpus).Any();
        return Finding.Judge($"{card.Name}-node", $"node {card.Node}{(isNear ? "" : ", none of whose CPUs is allowed")}", isNear ? Verdict.Ok : Verdict.Attention,
            "What a card receives lies in memory of its own node; event loops there read it fastest.",
            $"--LinuxTransport:CpuSet={string.Join(',', cpus)} (and the process must be allowed there: taskset, --cpuset-cpus)");
    }

    private static Finding DescribeBinding(ProcessStatus status)
    {
        var isDoubtful = status.Reading.Line("Seccomp:") == "2" && (status.PermittedCapabilities >> CAP_SYS_NICE & 1) != 1;
        return Finding.Judge("mbind", isDoubtful ? "a seccomp filter, and no CAP_SYS_NICE" : "allowed", isDoubtful ? Verdict.Note : Verdict.Ok,
            "Filters of container engines refuse mbind(2) without CAP_SYS_NICE; buffers then lie wherever they were touched first, and NumaMode Bind is an error.",
            "container: --cap-add SYS_NICE");
    }

    private Finding DescribeSetting(string name, string why, Verdict otherwise = Verdict.Note)
    {
        var reading = files.ReadSysctl(name);
        return reading.IsRead
            ? Finding.Judge(name, reading.Text, reading.Text == "0" ? Verdict.Ok : otherwise, why, $"sysctl -w {name}=0")
            : Finding.Unread(name, reading, why);
    }

    private Finding? DescribeMisses(int node)
    {
        var counts = files.Read($"{Folder}/node{node}/numastat");
        if (!long.TryParse(counts.Line("numa_hit "), NumberStyles.None, CultureInfo.InvariantCulture, out var hits)
            || !long.TryParse(counts.Line("numa_miss "), NumberStyles.None, CultureInfo.InvariantCulture, out var misses) || hits + misses == 0)
        {
            return null;
        }

        var share = 100.0 * misses / (hits + misses);
        return Finding.Judge($"node{node}-misses", string.Create(CultureInfo.InvariantCulture, $"{share:0.#} % of the pages since boot"),
            share > 5 ? Verdict.Note : Verdict.Ok, "Pages that came from here because the wanted node had none left.", "numastat -p Demo.Gateway; free or add memory on the other nodes");
    }
}
