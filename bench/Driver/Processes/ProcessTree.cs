using System.Globalization;

namespace Bench.Driver.Processes;

/// <summary>A process and its descendants, read from /proc (proc(5)).</summary>
internal static class ProcessTree
{
    private const double TicksPerSecond = 100; // USER_HZ, 100 on every architecture that .NET runs on.

    public static IReadOnlyList<int> Members(int root)
    {
        var children = new Dictionary<int, List<int>>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), out var process) && ReadStat(process) is { } fields)
            {
                var parent = int.Parse(fields[1], CultureInfo.InvariantCulture);
                if (!children.TryGetValue(parent, out var list))
                {
                    children[parent] = list = [];
                }

                list.Add(process);
            }
        }

        var members = new List<int> { root };
        for (var i = 0; i < members.Count; i++)
        {
            if (children.TryGetValue(members[i], out var list))
            {
                members.AddRange(list);
            }
        }

        return members;
    }

    /// <summary>User and system time of the processes, and of those of their children that have ended.</summary>
    public static double CpuSeconds(IEnumerable<int> processes)
    {
        double ticks = 0;
        foreach (var process in processes)
        {
            if (ReadStat(process) is { } fields)
            {
                ticks += fields[11..15].Sum(static field => double.Parse(field, CultureInfo.InvariantCulture));
            }
        }

        return ticks / TicksPerSecond;
    }

    /// <summary>The CPU time of the children that this process has waited for, which are the load generators.</summary>
    public static double EndedChildrenCpuSeconds()
    {
        var fields = ReadStat(Environment.ProcessId)!;
        return (double.Parse(fields[13], CultureInfo.InvariantCulture) + double.Parse(fields[14], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    /// <summary>The resident memory that is not shared with files: what the processes' own data takes.</summary>
    public static long AnonymousBytes(IEnumerable<int> processes) => processes.Sum(static process => ReadStatus(process, "RssAnon:"));

    public static long ResidentBytes(IEnumerable<int> processes) => processes.Sum(static process => ReadStatus(process, "VmRSS:"));

    // The fields after the command, which may itself contain spaces: [0] is the state, [1] the parent, [11] utime … [14] cstime.
    private static string[]? ReadStat(int process)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{process}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static long ReadStatus(int process, string name)
    {
        try
        {
            foreach (var line in File.ReadLines($"/proc/{process}/status"))
            {
                if (line.StartsWith(name, StringComparison.Ordinal))
                {
                    return long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) * 1024;
                }
            }
        }
        catch (IOException)
        {
            // Ended in the meantime.
        }

        return 0;
    }
}
