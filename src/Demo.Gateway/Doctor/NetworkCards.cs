using System.Globalization;

namespace Demo.Gateway.Doctor;

/// <summary>Finds the machine's network cards (Documentation/ABI/testing/sysfs-class-net of the kernel).</summary>
internal static class NetworkCards
{
    public const string Folder = "/sys/class/net";

    public static IEnumerable<NetworkCard> In(SystemFiles files)
    {
        // Interfaces that are no cards, such as lo, veth and bridges, have no device.
        foreach (var name in files.List(Folder).Where(name => files.Exists($"{Folder}/{name}/device")))
        {
            var queues = files.List($"{Folder}/{name}/queues");
            yield return new NetworkCard(
                name,
                int.TryParse(files.Read($"{Folder}/{name}/device/numa_node").Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var node) ? node : -1,
                [.. queues.Where(static queue => queue.StartsWith("rx-", StringComparison.Ordinal))],
                [.. queues.Where(static queue => queue.StartsWith("tx-", StringComparison.Ordinal))],
                FindInterrupts(files, name));
        }
    }

    private static int[] FindInterrupts(SystemFiles files, string name)
    {
        var own = files.List($"{Folder}/{name}/device/msi_irqs").Select(static text => ParseNumber(text)).Where(static number => number >= 0).ToArray();
        if (own.Length > 0)
        {
            return own;
        }

        // Cards on other buses: by the name that the driver gave the interrupt, which begins with that of the interface or the device.
        var device = files.LinkedName($"{Folder}/{name}/device");
        return [.. (files.Read("/proc/interrupts").Text ?? "").Split('\n')
            .Select(static line => (Number: ParseNumber(line.TrimStart().Split(':')[0]), Action: line.Split(' ', StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? ""))
            .Where(entry => entry.Number >= 0 && (entry.Action == name || entry.Action.StartsWith(name + "-", StringComparison.Ordinal)
                || (device is not null && entry.Action.StartsWith(device + "-", StringComparison.Ordinal) && !entry.Action.EndsWith("-config", StringComparison.Ordinal))))
            .Select(static entry => entry.Number)];
    }

    private static int ParseNumber(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;
}
