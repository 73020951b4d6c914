using System.Runtime.InteropServices;

namespace Transport.Linux.Interop;

/// <summary>
/// The socket system calls. Results are the call's own, or the negative error number: no exception on a hot path.
/// EINTR is retried here where the man page allows it (close(2) must not be).
/// </summary>
internal static unsafe partial class SocketCalls
{
    public const int AF_UNIX = 1;
    public const int AF_INET = 2;
    public const int AF_INET6 = 10;
    public const int SOCK_STREAM = 1;
    public const int SOCK_NONBLOCK = 0x800;
    public const int SOCK_CLOEXEC = 0x80000;

    public const int SOL_SOCKET = 1;
    public const int SO_REUSEADDR = 2;
    public const int SO_ERROR = 4;
    public const int SO_KEEPALIVE = 9;
    public const int SO_OOBINLINE = 10;
    public const int SO_LINGER = 13;
    public const int SO_REUSEPORT = 15;
    public const int SO_ACCEPTCONN = 30;
    public const int IPPROTO_IP = 0;
    public const int IPPROTO_TCP = 6;
    public const int TCP_NODELAY = 1;
    public const int TCP_KEEPIDLE = 4;
    public const int TCP_KEEPINTVL = 5;
    public const int TCP_KEEPCNT = 6;
    public const int TCP_USER_TIMEOUT = 18;
    public const int TCP_NOTSENT_LOWAT = 25;
    public const int IPPROTO_IPV6 = 41;
    public const int IPV6_V6ONLY = 26;

    public const int MSG_PEEK = 0x2;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_NOSIGNAL = 0x4000;
    public const int MSG_MORE = 0x8000;
    public const int SHUT_WR = 1;
    public const int SHUT_RDWR = 2;

    /// <summary>Bytes in the send queue that the peer has not acknowledged (tcp(7), SIOCOUTQ).</summary>
    private const nuint SIOCOUTQ = 0x5411;

    public static int Socket(int family, int type) => Result(socket(family, type, 0));

    public static int Bind(int descriptor, ReadOnlySpan<byte> address)
    {
        fixed (byte* p = address)
        {
            return Result(bind(descriptor, p, (uint)address.Length));
        }
    }

    public static int Listen(int descriptor, int backlog) => Result(listen(descriptor, backlog));

    /// <summary>accept4(2) with SOCK_NONBLOCK and SOCK_CLOEXEC; the peer's address goes into <paramref name="address"/>.</summary>
    public static int Accept(int descriptor, Span<byte> address, out int addressLength)
    {
        fixed (byte* p = address)
        {
            while (true)
            {
                var length = (uint)address.Length;
                var accepted = Result(accept4(descriptor, p, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
                if (accepted != -Errno.EINTR)
                {
                    addressLength = (int)Math.Min(length, (uint)address.Length);
                    return accepted;
                }
            }
        }
    }

    public static int Connect(int descriptor, ReadOnlySpan<byte> address)
    {
        fixed (byte* p = address)
        {
            return Result(connect(descriptor, p, (uint)address.Length));
        }
    }

    public static int GetSocketName(int descriptor, Span<byte> address, out int addressLength)
    {
        fixed (byte* p = address)
        {
            var length = (uint)address.Length;
            var result = Result(getsockname(descriptor, p, &length));
            addressLength = (int)Math.Min(length, (uint)address.Length);
            return result;
        }
    }

    public static int SetOption(int descriptor, int level, int name, int value) =>
        Result(setsockopt(descriptor, level, name, &value, sizeof(int)));

    public static int GetOption(int descriptor, int level, int name, out int value)
    {
        var read = 0;
        uint length = sizeof(int);
        var result = Result(getsockopt(descriptor, level, name, &read, &length));
        value = read;
        return result;
    }

    /// <summary>Makes the next close(2) send RST instead of FIN: linger on, zero seconds (socket(7), SO_LINGER).</summary>
    public static int SetLingerZero(int descriptor)
    {
        var linger = stackalloc int[2] { 1, 0 };
        return Result(setsockopt(descriptor, SOL_SOCKET, SO_LINGER, linger, 2 * sizeof(int)));
    }

    /// <summary>The number of bytes that the peer has not acknowledged yet, or a negative error number.</summary>
    public static int UnacknowledgedBytes(int descriptor)
    {
        var bytes = 0;
        var result = Result(ioctl(descriptor, SIOCOUTQ, &bytes));
        return result < 0 ? result : bytes;
    }

    public static nint Receive(int descriptor, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            while (true)
            {
                var received = Result(recv(descriptor, p, (nuint)buffer.Length, MSG_DONTWAIT));
                if (received != -Errno.EINTR)
                {
                    return received;
                }
            }
        }
    }

    /// <summary>What a receive of one byte would return, which stays in the socket.</summary>
    public static nint Peek(int descriptor)
    {
        byte first;
        while (true)
        {
            var received = Result(recv(descriptor, &first, 1, MSG_PEEK | MSG_DONTWAIT));
            if (received != -Errno.EINTR)
            {
                return received;
            }
        }
    }

    public static nint Send(int descriptor, ReadOnlySpan<byte> buffer, int flags = 0)
    {
        fixed (byte* p = buffer)
        {
            while (true)
            {
                var sent = Result(send(descriptor, p, (nuint)buffer.Length, flags | MSG_DONTWAIT | MSG_NOSIGNAL));
                if (sent != -Errno.EINTR)
                {
                    return sent;
                }
            }
        }
    }

    public static nint SendMessage(int descriptor, ReadOnlySpan<IoVector> vectors, int flags = 0)
    {
        fixed (IoVector* p = vectors)
        {
            var message = new MessageHeader { Vectors = p, VectorCount = (nuint)vectors.Length };
            while (true)
            {
                var sent = Result(sendmsg(descriptor, &message, flags | MSG_DONTWAIT | MSG_NOSIGNAL));
                if (sent != -Errno.EINTR)
                {
                    return sent;
                }
            }
        }
    }

    public static int Shutdown(int descriptor, int how) => Result(shutdown(descriptor, how));

    /// <summary>close(2). Never retried: on Linux the descriptor is gone even after EINTR.</summary>
    public static int Close(int descriptor) => Result(close(descriptor));

    private static int Result(int result) => result >= 0 ? result : -Marshal.GetLastPInvokeError();

    private static nint Result(nint result) => result >= 0 ? result : -Marshal.GetLastPInvokeError();

    /// <summary><c>struct iovec</c> (readv(2)).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct IoVector
    {
        public byte* Base;
        public nuint Length;
    }

    /// <summary><c>struct msghdr</c> (sendmsg(2), the 64-bit layout of glibc and musl).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct MessageHeader
    {
        public byte* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int descriptor, byte* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int listen(int descriptor, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int accept4(int descriptor, byte* address, uint* length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int connect(int descriptor, byte* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockname(int descriptor, byte* address, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int descriptor, int level, int name, void* value, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockopt(int descriptor, int level, int name, void* value, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int descriptor, nuint request, void* argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(int descriptor, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int descriptor, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(int descriptor, MessageHeader* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(int descriptor, MessageHeader* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int shutdown(int descriptor, int how);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int descriptor);
}
