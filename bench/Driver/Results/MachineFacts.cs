using System.Globalization;
using System.Runtime.InteropServices;
using Bench.Driver.Processes;

namespace Bench.Driver.Results;

/// <summary>What the numbers were measured on.</summary>
internal sealed record MachineFacts(string Processor, int Cpus, string Memory, string Kernel, string Distribution, string Runtime, SortedDictionary<string, string> Versions)
{
    private static readonly (string Name, string Program, string[] Arguments)[] s_programs =
    [
        ("HAProxy", "haproxy", ["-v"]), ("NGINX", "nginx", ["-v"]), ("wrk", "wrk", ["-v"]), ("Redis", "redis-server", ["--version"]),
        ("pgbench", "pgbench", ["--version"]), ("gcc", "gcc", ["--version"]),
    ];

    public static MachineFacts Read()
    {
        var versions = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, program, arguments) in s_programs)
        {
            versions[name] = Tool.Exists(program) ? Tool.RunCombined(program, arguments).Split('\n')[0].Trim() : "not installed";
        }

        return new MachineFacts(
            Field("/proc/cpuinfo", "model name") ?? Field("/proc/cpuinfo", "CPU part") ?? "unknown",
            Environment.ProcessorCount,
            (long.Parse(Field("/proc/meminfo", "MemTotal")!.Split(' ')[0], CultureInfo.InvariantCulture) / 1048576.0).ToString("N1", CultureInfo.InvariantCulture) + " GiB",
            File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
            File.Exists("/etc/os-release") ? Field("/etc/os-release", "PRETTY_NAME")?.Trim('"') ?? "unknown" : "unknown",
            RuntimeInformation.FrameworkDescription,
            versions);
    }

    private static string? Field(string file, string name) => File.ReadLines(file)
        .Where(line => line.StartsWith(name, StringComparison.Ordinal))
        .Select(line => line[(line.IndexOfAny([':', '=']) + 1)..].Trim())
        .FirstOrDefault();
}
