using System.Numerics;
using System.Runtime.InteropServices;

namespace Transport.Linux.Interop;

/// <summary>Threads and the CPUs they run on (sched_setaffinity(2), clock_getcpuclockid(3), proc_pid_stat(5)).</summary>
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

    /// <summary>The kernel's number of the calling thread.</summary>
    public static int CurrentThreadId() => gettid();

    /// <summary>Binds a thread to CPUs; zero, or the negative error number.</summary>
    public static int Pin(int thread, ReadOnlySpan<int> cpus)
    {
        var mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        foreach (var cpu in cpus)
        {
            mask[cpu / 64] |= 1ul << (cpu % 64);
        }

        return sched_setaffinity(thread, MaskWords * sizeof(ulong), mask) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>The CPU time that a thread of this process has used; zero if it is no more.</summary>
    public static TimeSpan CpuTime(int thread)
    {
        // The clock of one thread, as the kernel encodes it (include/linux/posix-timers.h: CPUCLOCK_SCHED, CPUCLOCK_PERTHREAD_MASK).
        var clock = (~thread << 3) | 2 | 4;
        var time = stackalloc long[2];
        return clock_gettime(clock, time) < 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(time[0]) + TimeSpan.FromMicroseconds(time[1] / 1000);
    }

    /// <summary>Whether a thread of this process waits in the kernel, instead of running or waiting for a CPU.</summary>
    public static bool IsBlocked(int thread)
    {
        try
        {
            // "number (name) state …"; a name may hold parentheses of its own.
            var stat = File.ReadAllBytes($"/proc/self/task/{thread}/stat").AsSpan();
            var state = stat[(stat.LastIndexOf((byte)')') + 1)..].TrimStart((byte)' ');
            return !state.IsEmpty && state[0] is (byte)'S' or (byte)'D';
        }
        catch (IOException)
        {
            return false;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_setaffinity(int thread, nuint size, ulong* mask);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_getaffinity(int thread, nuint size, ulong* mask);

    [LibraryImport("libc")]
    private static partial int gettid();

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, long* time);
}
