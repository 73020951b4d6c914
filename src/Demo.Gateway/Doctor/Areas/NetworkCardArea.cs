using System.Globalization;
using Transport.Linux.EventLoops;

namespace Demo.Gateway.Doctor.Areas;

/// <summary>The queues of network cards, and the CPUs that serve them.</summary>
internal sealed class NetworkCardArea(SystemFiles files) : IDoctorArea
{
    public string Name => "nic";

    public IEnumerable<Finding> Examine()
    {
        const string Why = "Queues and interrupts decide which CPUs the kernel's part of the work runs on.";
        if (!files.Exists(NetworkCards.Folder))
        {
            yield return Finding.Unread("cards", files.Read(NetworkCards.Folder), Why);
            yield break;
        }

        var cards = NetworkCards.In(files).ToArray();
        if (cards.Length == 0)
        {
            yield return Finding.Ok("cards", $"none seen from here ({string.Join(", ", files.List(NetworkCards.Folder))})", $"{Why} In a container the cards are the host's: run doctor there.");
        }

        var cpus = new ProcessStatus(files).AllowedCpus;
        foreach (var card in cards)
        {
            yield return DescribeQueues(card, cpus);
            yield return DescribeInterrupts(card, cpus);
        }

        yield return DescribeDrops();
    }

    /// <summary>A line for each CPU, in hexadecimal: packets, dropped, out of budget … (softnet_seq_show of the kernel).</summary>
    private Finding DescribeDrops()
    {
        const string Why = "Packets that a CPU could not keep up with since the start; each is sent again some 200 ms later.";
        var reading = files.Read("/proc/net/softnet_stat");
        if (!reading.IsRead)
        {
            return Finding.Unread("receive-drops", reading, Why);
        }

        var dropped = reading.Text.Split('\n').Sum(static line => line.Split(' ') is [_, var count, ..]
            && long.TryParse(count, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var number) ? number : 0);
        return Finding.Judge("receive-drops", dropped.ToString(CultureInfo.InvariantCulture), dropped == 0 ? Verdict.Ok : Verdict.Note, Why,
            "sysctl -w net.core.netdev_max_backlog=10000; more receive queues");
    }

    private Finding DescribeQueues(NetworkCard card, int[] cpus)
    {
        var isSteered = card.ReceiveQueues.Any(IsSteered);
        var isNarrow = card.ReceiveQueues.Length == 1 && cpus.Length > 1 && !isSteered;
        return Finding.Judge($"{card.Name}-queues",
            string.Create(CultureInfo.InvariantCulture, $"{card.ReceiveQueues.Length} receive, {card.SendQueues.Length} send") + (isSteered ? ", receive packet steering on" : ""),
            isNarrow ? Verdict.Note : Verdict.Ok,
            "One CPU serves a receive queue. With a single queue that CPU can be the limit; more queues, or steering in software (RPS), spread the work.",
            $"ethtool -L {card.Name} combined {cpus.Length}; if it has no more: echo {Mask(cpus)} > {NetworkCards.Folder}/{card.Name}/queues/rx-0/rps_cpus");

        bool IsSteered(string queue) =>
            files.Read($"{NetworkCards.Folder}/{card.Name}/queues/{queue}/rps_cpus").Text is { } mask && mask.AsSpan().ContainsAnyExcept("0,");
    }

    private Finding DescribeInterrupts(NetworkCard card, int[] cpus)
    {
        const string Why = "The CPUs that take the card's interrupts do the receiving. All on one CPU is a bottleneck; on CPUs of other programs, it disturbs them.";
        var name = $"{card.Name}-interrupts";
        if (card.Interrupts.Length == 0)
        {
            return Finding.Unread(name, new Reading("/proc/interrupts", null, $"no interrupt of {card.Name} is named there"), Why);
        }

        var places = card.Interrupts.Select(number => (Number: number, List: AffinityOf(number))).ToArray();
        if (Array.Find(places, static place => !place.List.IsRead) is { List.Path: not null } hidden)
        {
            return Finding.Unread(name, hidden.List, Why);
        }

        var used = places.SelectMany(static place => CpuList.TryParse(place.List.Text!, out var list, out _) ? list : []).Distinct().Order().ToArray();
        var isCrowded = used.Length == 1 && card.ReceiveQueues.Length > 1 && cpus.Length > 1;
        var change = string.Join("; ", places.Take(card.ReceiveQueues.Length).Select((place, index) =>
            string.Create(CultureInfo.InvariantCulture, $"echo {(cpus.Length == 0 ? 0 : cpus[index % cpus.Length])} > /proc/irq/{place.Number}/smp_affinity_list")));
        return Finding.Judge(name, string.Join(", ", places.Select(static place => $"{place.Number} on CPU {place.List.Text}")), isCrowded ? Verdict.Attention : Verdict.Ok,
            Why, $"systemctl stop irqbalance; {change}");
    }

    private Reading AffinityOf(int interrupt)
    {
        var effective = files.Read($"/proc/irq/{interrupt}/effective_affinity_list");
        return effective.IsRead && effective.Text.Length > 0 ? effective : files.Read($"/proc/irq/{interrupt}/smp_affinity_list");
    }

    /// <summary>The kernel's notation for a mask of CPUs: hexadecimal, in groups of 32.</summary>
    private static string Mask(int[] cpus)
    {
        var words = new uint[(cpus.DefaultIfEmpty(0).Max() / 32) + 1];
        foreach (var cpu in cpus)
        {
            words[^((cpu / 32) + 1)] |= 1u << (cpu % 32);
        }

        return string.Join(',', words.Select(static (word, index) => word.ToString(index == 0 ? "x" : "x8", CultureInfo.InvariantCulture)));
    }
}
