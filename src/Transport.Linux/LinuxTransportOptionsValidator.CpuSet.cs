using Transport.Linux.EventLoops;

namespace Transport.Linux;

/// <content>The CPU set: readable, allowed, and large enough for the event loops.</content>
internal sealed partial class LinuxTransportOptionsValidator
{
    private static void ValidateCpuSet(LinuxTransportOptions options, int[] allowedCpus, Checker check)
    {
        if (options.CpuSet is null)
        {
            return;
        }

        if (!CpuList.TryParse(options.CpuSet, out var cpus, out var mistake))
        {
            check(false, nameof(options.CpuSet), options.CpuSet, $"a list of CPUs such as 0-3,8 ({mistake})");
            return;
        }

        // The mask is empty if the kernel doesn't say; then pinning shows.
        var forbidden = allowedCpus.Length == 0 ? [] : cpus.Except(allowedCpus).ToArray();
        check(forbidden.Length == 0, nameof(options.CpuSet), options.CpuSet,
            $"a list of CPUs that the process may use, which are {string.Join(',', allowedCpus)} and not {string.Join(',', forbidden)}");
        check(!(options.ThreadCount > cpus.Length), nameof(options.ThreadCount), options.ThreadCount,
            $"at most the {cpus.Length} CPUs of CpuSet {options.CpuSet}");
    }
}
