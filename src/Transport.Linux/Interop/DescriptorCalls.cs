using System.Runtime.InteropServices;

namespace Transport.Linux.Interop;

/// <summary>fcntl(2) and getrlimit(2) as far as they are needed. Results are the call's own, or the negative error number.</summary>
internal static unsafe partial class DescriptorCalls
{
    private const int F_GETFL = 3;
    private const int F_SETFL = 4;
    private const int F_DUPFD_CLOEXEC = 1030;
    private const int O_NONBLOCK = 0x800;
    private const int RLIMIT_NOFILE = 7;

    public static int SetNonBlocking(int descriptor)
    {
        var flags = fcntl(descriptor, F_GETFL, 0);
        return flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>A second descriptor for the same file: the lowest number that is free.</summary>
    public static int Duplicate(int descriptor)
    {
        var duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
        return duplicate >= 0 ? duplicate : -Marshal.GetLastPInvokeError();
    }

    /// <summary>How many descriptors the process may have; their numbers are lower than this.</summary>
    public static int Limit()
    {
        var limits = stackalloc ulong[2];
        // Cannot fail: the resource exists and the buffer is ours (getrlimit(2)). The limit may be "infinity", the largest number.
        _ = getrlimit(RLIMIT_NOFILE, limits);
        return (int)Math.Min(limits[0], int.MaxValue);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int descriptor, int command, nint argument);

    [LibraryImport("libc")]
    private static partial int getrlimit(int resource, ulong* limits);
}
