using System.Runtime.InteropServices;
using Transport.Linux.Interop;

namespace Yarp.Splice.Interop;

/// <summary>pipe2(2), splice(2) and the size of pipes (fcntl(2)). Results are the call's own, or the negative error number.</summary>
internal static unsafe partial class SpliceCalls
{
    private const int O_NONBLOCK = 0x800;
    private const int O_CLOEXEC = 0x80000;
    private const int F_SETPIPE_SZ = 1031;
    private const int F_GETPIPE_SZ = 1032;
    private const uint SPLICE_F_MOVE = 1;
    private const uint SPLICE_F_NONBLOCK = 2;

    public static int CreatePipe(out int readEnd, out int writeEnd)
    {
        var ends = stackalloc int[2];
        var result = pipe2(ends, O_NONBLOCK | O_CLOEXEC);
        readEnd = ends[0];
        writeEnd = ends[1];
        return result < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    public static int SetPipeSize(int pipe, int bytes) => Result(fcntl(pipe, F_SETPIPE_SZ, bytes));

    public static int GetPipeSize(int pipe) => Result(fcntl(pipe, F_GETPIPE_SZ, 0));

    /// <summary>
    /// Moves up to <paramref name="count"/> bytes between a pipe and a socket. SPLICE_F_MORE is left out on purpose: it corks the socket, and
    /// the last segment of a burst would wait for a timer of 200 ms.
    /// </summary>
    public static nint Splice(int from, int to, nint count)
    {
        while (true)
        {
            var moved = splice(from, null, to, null, (nuint)count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (moved >= 0)
            {
                return moved;
            }

            var errno = Marshal.GetLastPInvokeError();
            if (errno != Errno.EINTR)
            {
                return -errno;
            }
        }
    }

    private static int Result(int result) => result >= 0 ? result : -Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pipe2(int* ends, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int descriptor, int command, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint splice(int from, long* fromOffset, int to, long* toOffset, nuint count, uint flags);
}
