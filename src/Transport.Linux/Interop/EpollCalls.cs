using System.Runtime.InteropServices;

namespace Transport.Linux.Interop;

/// <summary>epoll(7) and eventfd(2). Results are the call's own, or the negative error number.</summary>
internal static unsafe partial class EpollCalls
{
    public const uint EPOLLEXCLUSIVE = 1u << 28;
    public const uint EPOLLET = 1u << 31;

    private const int EPOLL_CTL_ADD = 1;
    private const int EPOLL_CTL_DEL = 2;
    private const int EPOLL_CTL_MOD = 3;
    private const int EPOLL_CLOEXEC = 0x80000;
    private const int EFD_CLOEXEC = 0x80000;
    private const int EFD_NONBLOCK = 0x800;

    /// <summary><c>struct epoll_event</c> is packed on x64 only (sys/epoll.h, __EPOLL_PACKED): 12 bytes there, 16 elsewhere.</summary>
    public static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    /// <summary>Where the user data begins in an event.</summary>
    public static readonly int DataOffset = EventSize - sizeof(ulong);

    public static int Create() => Result(epoll_create1(EPOLL_CLOEXEC));

    public static int CreateEventDescriptor() => Result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

    public static int Add(int epoll, int descriptor, uint events, ulong data) => Control(epoll, EPOLL_CTL_ADD, descriptor, events, data);

    public static int Modify(int epoll, int descriptor, uint events, ulong data) => Control(epoll, EPOLL_CTL_MOD, descriptor, events, data);

    public static int Remove(int epoll, int descriptor) => Control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0);

    public static int Wait(int epoll, byte* events, int maxEvents, int timeoutMs) => Result(epoll_wait(epoll, events, maxEvents, timeoutMs));

    /// <summary>Adds one to an eventfd's counter, which makes it readable.</summary>
    public static void Signal(int eventDescriptor)
    {
        ulong one = 1;
        // The only failure of a non-blocking eventfd is EAGAIN at 2^64-2: then it is readable anyway.
        _ = write(eventDescriptor, &one, sizeof(ulong));
    }

    /// <summary>Sets an eventfd's counter back to zero.</summary>
    public static void Reset(int eventDescriptor)
    {
        ulong count;
        _ = read(eventDescriptor, &count, sizeof(ulong));
    }

    private static int Control(int epoll, int operation, int descriptor, uint events, ulong data)
    {
        var record = stackalloc byte[16];
        *(uint*)record = events;
        *(ulong*)(record + DataOffset) = data;
        return Result(epoll_ctl(epoll, operation, descriptor, record));
    }

    private static int Result(int result) => result >= 0 ? result : -Marshal.GetLastPInvokeError();

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epoll, int operation, int descriptor, byte* record);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int epoll, byte* events, int maxEvents, int timeoutMs);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc")]
    private static partial nint read(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc")]
    private static partial nint write(int descriptor, void* buffer, nuint count);
}
