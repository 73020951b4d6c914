using System.Runtime.InteropServices;
using Transport.Linux.Interop;

namespace Yarp.Splice.Interop;

/// <summary>What the kernel knows of a TCP socket. Results are zero, or the negative error number.</summary>
internal static unsafe partial class SocketStateCalls
{
    public const int IPPROTO_MPTCP = 262;

    private const int SO_RCVLOWAT = 18;
    private const int SO_PROTOCOL = 38;
    private const int SO_ATTACH_BPF = 50;
    private const int SO_COOKIE = 57;
    private const int TCP_INFO = 11;
    private const nuint FIONREAD = 0x541B;

    /// <summary>IPPROTO_TCP, IPPROTO_MPTCP, or zero for a Unix-domain socket (socket(7), SO_PROTOCOL).</summary>
    public static int GetProtocol(int descriptor)
    {
        var result = SocketCalls.GetOption(descriptor, SocketCalls.SOL_SOCKET, SO_PROTOCOL, out var protocol);
        return result < 0 ? result : protocol;
    }

    /// <summary>The socket's number, which is unique until the next boot.</summary>
    public static int GetCookie(int descriptor, out ulong cookie)
    {
        ulong value = 0;
        uint length = sizeof(ulong);
        var result = getsockopt(descriptor, SocketCalls.SOL_SOCKET, SO_COOKIE, &value, &length);
        cookie = value;
        return result < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>Counters and state, read under the socket's lock: one consistent snapshot (tcp(7), TCP_INFO).</summary>
    public static int GetTcpInfo(int descriptor, out TcpInfo info)
    {
        TcpInfo value = default;
        var length = (uint)sizeof(TcpInfo);
        var result = getsockopt(descriptor, SocketCalls.IPPROTO_TCP, TCP_INFO, &value, &length);
        info = value;
        return result < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>Makes the kernel look at the receive queue, as a new segment would: tcp_set_rcvlowat calls tcp_data_ready.</summary>
    public static int Kick(int descriptor) => SocketCalls.SetOption(descriptor, SocketCalls.SOL_SOCKET, SO_RCVLOWAT, 1);

    /// <summary>Shows a socket filter what the socket receives, before TCP sees it (socket(7), SO_ATTACH_BPF). It goes with the socket.</summary>
    public static int AttachFilter(int descriptor, int program) => SocketCalls.SetOption(descriptor, SocketCalls.SOL_SOCKET, SO_ATTACH_BPF, program);

    /// <summary>Bytes in the receive queue, or the negative error number.</summary>
    public static int UnreadBytes(int descriptor)
    {
        var bytes = 0;
        return ioctl(descriptor, FIONREAD, &bytes) < 0 ? -Marshal.GetLastPInvokeError() : bytes;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int getsockopt(int descriptor, int level, int name, void* value, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ioctl(int descriptor, nuint request, void* argument);
}
