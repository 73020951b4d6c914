using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Transport.Linux.Interop;

namespace Transport.Linux.Tests;

/// <summary>The XDP program <c>return XDP_PASS</c>, in the driver (bpf(2), BPF_PROG_LOAD and BPF_LINK_CREATE).</summary>
internal static unsafe partial class XdpPassProgram
{
    /// <summary>Attaches it to a device of the calling thread's network namespace. Returns the link's descriptor, which detaches it when closed.</summary>
    public static int Attach(string device)
    {
        const int AttributeLength = 128;
        const int BPF_PROG_LOAD = 5;
        const int BPF_LINK_CREATE = 28;
        const int BPF_PROG_TYPE_XDP = 6;
        const int BPF_XDP = 37;
        const int XDP_FLAGS_DRV_MODE = 4;

        // r0 = XDP_PASS; exit
        ReadOnlySpan<byte> instructions = [0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
        fixed (byte* code = instructions)
        fixed (byte* license = "GPL\0"u8)
        {
            Span<byte> attribute = stackalloc byte[AttributeLength];
            attribute.Clear();
            BinaryPrimitives.WriteInt32LittleEndian(attribute, BPF_PROG_TYPE_XDP);
            BinaryPrimitives.WriteInt32LittleEndian(attribute[4..], 2);
            BinaryPrimitives.WriteInt64LittleEndian(attribute[8..], (long)code);
            BinaryPrimitives.WriteInt64LittleEndian(attribute[16..], (long)license);
            var program = Bpf(BPF_PROG_LOAD, attribute);

            attribute.Clear();
            BinaryPrimitives.WriteInt32LittleEndian(attribute, program);
            BinaryPrimitives.WriteInt32LittleEndian(attribute[4..], if_nametoindex(device));
            BinaryPrimitives.WriteInt32LittleEndian(attribute[8..], BPF_XDP);
            BinaryPrimitives.WriteInt32LittleEndian(attribute[12..], XDP_FLAGS_DRV_MODE);
            // The link keeps the program.
            var link = Bpf(BPF_LINK_CREATE, attribute);
            _ = SocketCalls.Close(program);
            return link;
        }
    }

    private static int Bpf(int command, Span<byte> attribute)
    {
        var number = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 321 : 280;
        fixed (byte* pointer = attribute)
        {
            var result = (int)syscall(number, command, pointer, attribute.Length);
            Assert.True(result >= 0, $"bpf command {command}: {Errno.Describe(Marshal.GetLastPInvokeError())}");
            return result;
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int if_nametoindex(string name);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint command, byte* attribute, nint length);
}
