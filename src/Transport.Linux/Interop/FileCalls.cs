using System.Runtime.InteropServices;

namespace Transport.Linux.Interop;

/// <summary>Regular files: open(2), statx(2), sendfile(2), preadv2(2). Results are the call's own, or the negative error number.</summary>
internal static unsafe partial class FileCalls
{
    private const int O_RDONLY = 0;
    private const int O_NOCTTY = 0x100;
    private const int O_NONBLOCK = 0x800;
    private const int O_CLOEXEC = 0x80000;
    private const int AT_FDCWD = -100;
    private const int AT_EMPTY_PATH = 0x1000;
    private const int RWF_NOWAIT = 0x8;

    // struct statx of linux/stat.h, the same on every architecture: that is why it is not fstat(2).
    private const int StatusLength = 256;

    // STATX_TYPE, STATX_MTIME, STATX_INO and STATX_SIZE.
    private const nint StatusMask = 0x1 | 0x40 | 0x100 | 0x200;
    private const int ModeOffset = 28;
    private const int InodeOffset = 32;
    private const int SizeOffset = 40;
    private const int ModifiedOffset = 112;
    private const int ModifiedNanosecondsOffset = 120;
    private const int DeviceMajorOffset = 136;
    private const int DeviceMinorOffset = 140;
    private const long TMPFS_MAGIC = 0x01021994;
    private const long RAMFS_MAGIC = 0x858458f6;
    private const int FileTypeMask = 0xF000;
    private const int RegularFile = 0x8000;

    /// <summary>Not every libc has wrappers of these two; the numbers are the architecture's (asm/unistd.h).</summary>
    private static readonly nint s_statx = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 332 : 291;
    private static readonly nint s_preadv2 = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 327 : 286;

    /// <summary>Opens a file for reading. O_NONBLOCK keeps a path that is a FIFO from blocking the caller (open(2)); a regular file ignores it.</summary>
    public static int OpenForReading(string path)
    {
        int result;
        do
        {
            result = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        }
        while (result < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);

        return result >= 0 ? result : -Marshal.GetLastPInvokeError();
    }

    public static int GetStatus(int descriptor, out FileStatus status) => GetStatus(descriptor, "", AT_EMPTY_PATH, out status);

    /// <summary>The status of what a path leads to; symbolic links are followed.</summary>
    public static int GetStatus(string path, out FileStatus status) => GetStatus(AT_FDCWD, path, 0, out status);

    /// <summary>Sends from the file to the socket; 0 at the file's end.</summary>
    public static nint SendFile(int socket, int file, long offset, nuint count)
    {
        while (true)
        {
            var position = offset;
            var sent = sendfile(socket, file, &position, count);
            if (sent >= 0)
            {
                return sent;
            }

            var errno = Marshal.GetLastPInvokeError();
            if (errno != Errno.EINTR)
            {
                return -errno;
            }
        }
    }

    /// <summary>Whether the file is on a file system without a disk: tmpfs or ramfs. These do not know RWF_NOWAIT.</summary>
    public static bool IsInMemory(int descriptor)
    {
        var buffer = stackalloc long[StatusLength / sizeof(long)];
        return fstatfs(descriptor, buffer) == 0 && buffer[0] is TMPFS_MAGIC or RAMFS_MAGIC;
    }

    /// <summary>Whether the byte could be read without waiting for a disk: RWF_NOWAIT gives EAGAIN if not. A file system that cannot tell (EOPNOTSUPP) counts
    /// as one that waits.</summary>
    public static bool IsCached(int file, long offset)
    {
        byte first;
        var vector = new SocketCalls.IoVector { Base = &first, Length = 1 };
        // The offset is one argument on 64-bit systems; the kernel takes its upper half from the next, which is unused there.
        return syscall(s_preadv2, file, &vector, 1, (nint)offset, 0, RWF_NOWAIT) >= 0;
    }

    private static int GetStatus(int directory, string path, int flags, out FileStatus status)
    {
        var buffer = stackalloc byte[StatusLength];
        if (syscall(s_statx, directory, path, flags, StatusMask, buffer) < 0)
        {
            status = default;
            return -Marshal.GetLastPInvokeError();
        }

        status = new FileStatus(
            ((ulong)*(uint*)(buffer + DeviceMajorOffset) << 32) | *(uint*)(buffer + DeviceMinorOffset),
            *(ulong*)(buffer + InodeOffset),
            *(long*)(buffer + SizeOffset),
            *(long*)(buffer + ModifiedOffset),
            *(uint*)(buffer + ModifiedNanosecondsOffset),
            (*(ushort*)(buffer + ModeOffset) & FileTypeMask) == RegularFile);
        return 0;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fstatfs(int descriptor, long* buffer);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendfile(int output, int input, long* offset, nuint count);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint syscall(nint number, nint directory, string path, nint flags, nint mask, byte* buffer);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint file, SocketCalls.IoVector* vectors, nint count, nint offset, nint offsetHigh, nint flags);
}
