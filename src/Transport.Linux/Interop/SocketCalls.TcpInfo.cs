namespace Transport.Linux.Interop;

/// <content>What TCP says about a listening socket, as ss(8) shows it.</content>
internal static unsafe partial class SocketCalls
{
    private const int TCP_INFO = 11;

    // struct tcp_info of linux/tcp.h; for a listening socket the kernel puts the accept queue into two fields (tcp_get_info in net/ipv4/tcp.c).
    private const int TcpInfoLength = 32;
    private const int UnackedOffset = 24;
    private const int SackedOffset = 28;
    private const byte TCP_LISTEN = 10;

    /// <summary>How many connections wait to be accepted, and how many may; zero, or the negative error number.</summary>
    public static int GetAcceptQueue(int listener, out uint length, out uint limit)
    {
        (length, limit) = (0, 0);
        var info = stackalloc byte[TcpInfoLength];
        uint size = TcpInfoLength;
        var result = Result(getsockopt(listener, IPPROTO_TCP, TCP_INFO, info, &size));
        if (result < 0)
        {
            return result;
        }

        if (size < TcpInfoLength || info[0] != TCP_LISTEN)
        {
            return -Errno.EINVAL;
        }

        length = *(uint*)(info + UnackedOffset);
        limit = *(uint*)(info + SackedOffset);
        return 0;
    }
}
