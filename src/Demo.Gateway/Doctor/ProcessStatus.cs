using System.Globalization;
using Transport.Linux.EventLoops;

namespace Demo.Gateway.Doctor;

/// <summary>The lines of /proc/self/status that several areas need (proc_pid_status(5)).</summary>
internal sealed class ProcessStatus(SystemFiles files)
{
    public Reading Reading { get; } = files.Read("/proc/self/status");

    /// <summary>What the process may put into effect; <see langword="null"/> if that cannot be read.</summary>
    public ulong? PermittedCapabilities =>
        ulong.TryParse(Reading.Line("CapPrm:"), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var set) ? set : null;

    /// <summary>The CPUs that the process may run on.</summary>
    public int[] AllowedCpus => ReadList("Cpus_allowed_list:");

    /// <summary>The memory nodes that the process may take memory from.</summary>
    public int[] AllowedNodes => ReadList("Mems_allowed_list:");

    private int[] ReadList(string key) => Reading.Line(key) is { } list && CpuList.TryParse(list, out var numbers, out _) ? numbers : [];
}
