using System.Runtime.InteropServices;

namespace Transport.Linux.Listening;

/// <summary>
/// A classic BPF program for a SO_REUSEPORT group (socket(7), SO_ATTACH_REUSEPORT_CBPF): it returns the index of the listening socket that gets
/// the connection, by the CPU that the program runs on, which is the one that received the SYN.
/// </summary>
internal static class ReuseportProgram
{
    // linux/bpf_common.h and linux/filter.h.
    private const ushort LoadWordAbsolute = 0x20;
    private const ushort JumpIfEqual = 0x15;
    private const ushort Modulo = 0x94;
    private const ushort ReturnConstant = 0x06;
    private const ushort ReturnAccumulator = 0x16;

    /// <summary>SKF_AD_OFF + SKF_AD_CPU: not a byte of the packet but the number of the current CPU.</summary>
    private const uint CurrentCpu = unchecked((uint)(-0x1000 + 36));

    /// <summary>
    /// CPU c goes to socket c modulo their number, which is right already when the loops have CPUs 0, 1, 2 and so on; before that, a jump table of the
    /// workers for which it is not.
    /// </summary>
    /// <param name="cpus">The CPU of each worker, by index; <see langword="null"/> for one that isn't pinned. The kernel takes jump tables for some
    /// 3,000 workers, and before Linux 6.7, whose net.core.optmem_max is 20,480 bytes by default, for some 400: the memory counts as the socket's.</param>
    /// <param name="sockets">How many sockets the group has. Worker i accepts from socket i modulo this.</param>
    public static Instruction[] Build(IReadOnlyList<int?> cpus, int sockets)
    {
        var program = new List<Instruction>((2 * cpus.Count) + 3) { new(LoadWordAbsolute, 0, 0, CurrentCpu) };
        for (var i = 0; i < cpus.Count; i++)
        {
            if (cpus[i] is { } cpu && cpu % sockets != i % sockets)
            {
                // Equal: the next instruction; not equal: the one after it.
                program.Add(new Instruction(JumpIfEqual, 0, 1, (uint)cpu));
                program.Add(new Instruction(ReturnConstant, 0, 0, (uint)(i % sockets)));
            }
        }

        program.Add(new Instruction(Modulo, 0, 0, (uint)sockets));
        program.Add(new Instruction(ReturnAccumulator, 0, 0, 0));
        return [.. program];
    }

    /// <summary><c>struct sock_filter</c> (linux/filter.h).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Instruction(ushort Code, byte JumpTrue, byte JumpFalse, uint Value);
}
