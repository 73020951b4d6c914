using System.Runtime.InteropServices;
using Transport.Linux.Listening;

namespace Transport.Linux.Interop;

/// <content>Numbers of the socket options that an operator can set (asm-generic values, the same on x64 and arm64).</content>
internal static unsafe partial class SocketCalls
{
    public const int SO_SNDBUF = 7;
    public const int SO_RCVBUF = 8;
    public const int SO_MARK = 36;
    public const int SO_BUSY_POLL = 46;
    public const int SO_INCOMING_CPU = 49;
    public const int SO_ATTACH_REUSEPORT_CBPF = 51;
    public const int SO_DETACH_REUSEPORT_BPF = 68;

    public const int IP_TOS = 1;
    public const int IP_FREEBIND = 15;
    public const int IP_TRANSPARENT = 19;
    public const int IPV6_TCLASS = 67;
    public const int IPV6_TRANSPARENT = 75;
    public const int IPV6_FREEBIND = 78;

    public const int TCP_DEFER_ACCEPT = 9;
    public const int TCP_QUICKACK = 12;
    public const int TCP_FASTOPEN = 23;

    /// <summary>Lets a classic BPF program choose the socket of a SO_REUSEPORT group for each new connection (socket(7)).</summary>
    public static int AttachReuseportProgram(int descriptor, ReadOnlySpan<ReuseportProgram.Instruction> program)
    {
        fixed (ReuseportProgram.Instruction* instructions = program)
        {
            var header = new FilterProgram { Length = (ushort)program.Length, Instructions = instructions };
            return Result(setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &header, (uint)sizeof(FilterProgram)));
        }
    }

    /// <summary><c>struct sock_fprog</c> (linux/filter.h, the 64-bit layout).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct FilterProgram
    {
        public ushort Length;
        public ReuseportProgram.Instruction* Instructions;
    }
}
