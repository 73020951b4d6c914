using Transport.Linux.Interop;

namespace Transport.Linux.Descriptors;

/// <summary>Opens the sockets of connections to destinations.</summary>
internal static class OutgoingSocket
{
    /// <summary>
    /// A non-blocking stream socket of the family, with TCP_NODELAY where that exists, or the negative error number: EMFILE also where the process
    /// has no descriptor left but those that it needs itself.
    /// </summary>
    public static int Create(int family, DescriptorReserve reserve)
    {
        var descriptor = SocketCalls.Socket(family, SocketCalls.SOCK_STREAM | SocketCalls.SOCK_NONBLOCK | SocketCalls.SOCK_CLOEXEC);
        if (descriptor < 0)
        {
            reserve.ReadLimit();
            return descriptor;
        }

        if (reserve.IsUsedUpBy(descriptor))
        {
            _ = SocketCalls.Close(descriptor);
            return -Errno.EMFILE;
        }

        if (family != SocketCalls.AF_UNIX)
        {
            _ = SocketCalls.SetOption(descriptor, SocketCalls.IPPROTO_TCP, SocketCalls.TCP_NODELAY, 1);
        }

        return descriptor;
    }
}
