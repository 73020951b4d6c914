using System.Globalization;

namespace Bench.Driver.Measuring;

/// <summary>Counters of the whole machine, from /proc (proc(5)).</summary>
internal static class Machine
{
    private const double TicksPerSecond = 100;

    public static int CpuCount => Environment.ProcessorCount;

    /// <summary>
    /// Seconds that CPUs were busy since the start, with interrupts and kernel threads: what a relay makes the kernel do outside its own
    /// process is here and nowhere else. Time spent waiting for a device and time taken by the hypervisor do not count.
    /// </summary>
    public static double BusySeconds()
    {
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        double Ticks(int index) => double.Parse(fields[index], CultureInfo.InvariantCulture);
        // user, nice, system, irq, softirq; guest time is part of user.
        return (Ticks(1) + Ticks(2) + Ticks(3) + Ticks(6) + Ticks(7)) / TicksPerSecond;
    }

    public static long MemAvailableBytes() => MemInfo("MemAvailable:");

    public static long SlabBytes() => MemInfo("Slab:");

    /// <summary>Memory that TCP socket buffers hold.</summary>
    public static long TcpBufferBytes()
    {
        foreach (var line in File.ReadLines("/proc/net/sockstat"))
        {
            var words = line.Split(' ');
            if (words[0] == "TCP:")
            {
                return long.Parse(words[Array.IndexOf(words, "mem") + 1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
            }
        }

        throw new BenchException("/proc/net/sockstat has no line for TCP.");
    }

    /// <summary>Connections that this network namespace has accepted (TcpPassiveOpens of nstat).</summary>
    public static long PassiveOpens()
    {
        var lines = File.ReadLines("/proc/net/snmp").Where(static line => line.StartsWith("Tcp:", StringComparison.Ordinal)).Take(2).ToArray();
        return long.Parse(lines[1].Split(' ')[Array.IndexOf(lines[0].Split(' '), "PassiveOpens")], CultureInfo.InvariantCulture);
    }

    private static long MemInfo(string name) =>
        long.Parse(File.ReadLines("/proc/meminfo").First(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..]
            .Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) * 1024;
}
