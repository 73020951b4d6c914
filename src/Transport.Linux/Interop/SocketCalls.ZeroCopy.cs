namespace Transport.Linux.Interop;

/// <content>Sending without a copy, and the error queue that says when the kernel is done (Documentation/networking/msg_zerocopy.rst).</content>
internal static unsafe partial class SocketCalls
{
    public const int SO_ZEROCOPY = 60;
    public const int MSG_ZEROCOPY = 0x4000000;

    private const int MSG_ERRQUEUE = 0x2000;
    private const int IP_RECVERR = 11;
    private const int IPV6_RECVERR = 25;

    // struct cmsghdr (cmsg(3), the 64-bit layout): length, level and type, then the data, each padded to eight bytes.
    private const int ControlHeaderLength = 16;
    private const int ControlLevelOffset = 8;
    private const int ControlTypeOffset = 12;

    // struct sock_extended_err of linux/errqueue.h.
    private const int ErrorOriginOffset = 4;
    private const int ErrorCodeOffset = 6;
    private const int ErrorInfoOffset = 8;
    private const int ErrorDataOffset = 12;
    private const int ErrorLength = 16;
    private const byte SO_EE_ORIGIN_ZEROCOPY = 5;
    private const byte SO_EE_CODE_ZEROCOPY_COPIED = 1;

    /// <summary>
    /// Takes one record off the socket's error queue: 1 with the sends that it reports, 0 if it is about something else, or the negative error
    /// number, which is EAGAIN when the queue is empty.
    /// </summary>
    public static int ReceiveZeroCopyCompletion(int descriptor, out ZeroCopyCompletion completion)
    {
        // Room for an IPv6 error with the address of its offender.
        const int ControlLength = 128;
        var control = stackalloc byte[ControlLength];
        var message = new MessageHeader { Control = control, ControlLength = ControlLength };
        completion = default;
        int result;
        do
        {
            result = (int)Result(recvmsg(descriptor, &message, MSG_ERRQUEUE | MSG_DONTWAIT));
        }
        while (result == -Errno.EINTR);

        return result < 0 ? result : FindCompletion(new ReadOnlySpan<byte>(control, (int)message.ControlLength), out completion) ? 1 : 0;
    }

    /// <summary>Resets the connection without closing the descriptor: what is queued is dropped, and the error queue can still be read.</summary>
    /// <remarks>connect(2) with AF_UNSPEC; tcp_disconnect of the kernel.</remarks>
    public static int Disconnect(int descriptor) => Connect(descriptor, stackalloc byte[16]);

    private static bool FindCompletion(ReadOnlySpan<byte> control, out ZeroCopyCompletion completion)
    {
        while (control.Length >= ControlHeaderLength)
        {
            var length = (int)BitConverter.ToUInt64(control);
            var level = BitConverter.ToInt32(control[ControlLevelOffset..]);
            var type = BitConverter.ToInt32(control[ControlTypeOffset..]);
            if (length < ControlHeaderLength || length > control.Length)
            {
                break;
            }

            var error = control[ControlHeaderLength..length];
            if (((level == IPPROTO_IP && type == IP_RECVERR) || (level == IPPROTO_IPV6 && type == IPV6_RECVERR))
                && error.Length >= ErrorLength && error[ErrorOriginOffset] == SO_EE_ORIGIN_ZEROCOPY)
            {
                completion = new ZeroCopyCompletion(
                    BitConverter.ToUInt32(error[ErrorInfoOffset..]),
                    BitConverter.ToUInt32(error[ErrorDataOffset..]),
                    (error[ErrorCodeOffset] & SO_EE_CODE_ZEROCOPY_COPIED) != 0);
                return true;
            }

            control = control[Math.Min(control.Length, (length + 7) & ~7)..];
        }

        completion = default;
        return false;
    }
}
