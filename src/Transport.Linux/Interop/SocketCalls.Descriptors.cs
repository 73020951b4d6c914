using System.Runtime.InteropServices;

namespace Transport.Linux.Interop;

/// <content>Descriptors that go with a message over a Unix socket (unix(7), SCM_RIGHTS; the 64-bit layout of cmsg(3)).</content>
internal static unsafe partial class SocketCalls
{
    /// <summary>SCM_MAX_FD: what the kernel takes with one message.</summary>
    public const int MaxDescriptors = 253;

    private const int SCM_RIGHTS = 1;
    private const int MSG_CTRUNC = 0x8;
    private const int MSG_TRUNC = 0x20;
    private const int MSG_CMSG_CLOEXEC = 0x40000000;
    private const int EMSGSIZE = 90;

    /// <summary>struct cmsghdr: its length, 8 bytes, then level and type.</summary>
    private const int ControlHeaderSize = 16;
    private const int ControlSize = ControlHeaderSize + (MaxDescriptors * sizeof(int)) + 4;

    /// <summary>Sends one message with at most <see cref="MaxDescriptors"/> descriptors, without blocking.</summary>
    public static nint SendDescriptors(int socket, ReadOnlySpan<byte> bytes, ReadOnlySpan<int> descriptors)
    {
        var control = stackalloc byte[ControlSize];
        fixed (byte* p = bytes)
        {
            var vector = new IoVector { Base = p, Length = (nuint)bytes.Length };
            var message = new MessageHeader { Vectors = &vector, VectorCount = 1 };
            if (!descriptors.IsEmpty)
            {
                *(nuint*)control = (nuint)(ControlHeaderSize + (descriptors.Length * sizeof(int)));
                *(int*)(control + 8) = SOL_SOCKET;
                *(int*)(control + 12) = SCM_RIGHTS;
                descriptors.CopyTo(new Span<int>(control + ControlHeaderSize, descriptors.Length));
                message.Control = control;
                message.ControlLength = *(nuint*)control;
            }

            while (true)
            {
                var sent = Result(sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
                if (sent != -Errno.EINTR)
                {
                    return sent;
                }
            }
        }
    }

    /// <summary>
    /// Receives one message and its descriptors, which are close-on-exec and the caller's, without blocking. The number of bytes, 0 at the end, or a
    /// negative error number: EMSGSIZE for a message that does not fit, or whose descriptors do not.
    /// </summary>
    public static nint ReceiveDescriptors(int socket, Span<byte> bytes, List<int> descriptors)
    {
        var control = stackalloc byte[ControlSize];
        fixed (byte* p = bytes)
        {
            var vector = new IoVector { Base = p, Length = (nuint)bytes.Length };
            MessageHeader message;
            nint received;
            do
            {
                message = new MessageHeader { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = ControlSize };
                received = Result(recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
            }
            while (received == -Errno.EINTR);

            if (received < 0)
            {
                return received;
            }

            if (message.ControlLength >= ControlHeaderSize && *(int*)(control + 8) == SOL_SOCKET && *(int*)(control + 12) == SCM_RIGHTS)
            {
                var count = ((int)*(nuint*)control - ControlHeaderSize) / sizeof(int);
                descriptors.AddRange(new ReadOnlySpan<int>(control + ControlHeaderSize, count));
            }

            return (message.Flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 ? received : -EMSGSIZE;
        }
    }
}
