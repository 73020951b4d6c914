using System.Runtime.InteropServices;

namespace Fuzz;

/// <summary>The processor time of the calling thread: what a case costs, however long the machine stands still meanwhile (clock_gettime(2)).</summary>
internal static partial class ProcessorTime
{
    private const int CLOCK_THREAD_CPUTIME_ID = 3;

    public static TimeSpan OfThisThread
    {
        get
        {
            _ = clock_gettime(CLOCK_THREAD_CPUTIME_ID, out var time);
            return TimeSpan.FromTicks((time.Seconds * TimeSpan.TicksPerSecond) + (time.Nanoseconds / TimeSpan.NanosecondsPerTick));
        }
    }

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, out Time time);

    private struct Time
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
