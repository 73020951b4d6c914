using System.Numerics;
using System.Runtime.InteropServices;

namespace Transport.Linux.Interop;

/// <summary>CPU affinity of the calling thread (sched_setaffinity(2)).</summary>
internal static unsafe partial class SchedulerCalls
{
    // 8,192 CPUs, the largest NR_CPUS that a kernel can be built with.
    private const int MaskWords = 128;

    /// <summary>The CPUs that the calling thread may run on, ascending. Empty if the kernel does not say.</summary>
    public static int[] AllowedCpus()
    {
        var mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        if (sched_getaffinity(0, MaskWords * sizeof(ulong), mask) < 0)
        {
            return [];
        }

        var cpus = new List<int>();
        for (var word = 0; word < MaskWords; word++)
        {
            for (var bits = mask[word]; bits != 0; bits &= bits - 1)
            {
                cpus.Add((word * 64) + BitOperations.TrailingZeroCount(bits));
            }
        }

        return [.. cpus];
    }

    /// <summary>Binds the calling thread to one CPU; zero, or the negative error number.</summary>
    public static int PinCurrentThread(int cpu)
    {
        var mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        mask[cpu / 64] = 1ul << (cpu % 64);
        return sched_setaffinity(0, MaskWords * sizeof(ulong), mask) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_setaffinity(int thread, nuint size, ulong* mask);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_getaffinity(int thread, nuint size, ulong* mask);
}
