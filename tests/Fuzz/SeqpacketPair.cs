using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Fuzz;

/// <summary>Two Unix sockets that are connected to one another and keep messages apart (socketpair(2)).</summary>
internal sealed partial class SeqpacketPair : IDisposable
{
    private const int AF_UNIX = 1;
    private const int SOCK_SEQPACKET = 5;
    private const int SOCK_CLOEXEC = 0x80000;

    private SeqpacketPair(Socket first, Socket second) => (First, Second) = (first, second);

    public Socket First { get; }

    public Socket Second { get; }

    public static SeqpacketPair Open()
    {
        Span<int> pair = stackalloc int[2];
        return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ref pair[0]) == 0
            ? new SeqpacketPair(new Socket(new SafeSocketHandle(pair[0], ownsHandle: true)), new Socket(new SafeSocketHandle(pair[1], ownsHandle: true)))
            : throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    public void Dispose()
    {
        First.Dispose();
        Second.Dispose();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socketpair(int family, int type, int protocol, ref int descriptors);
}
