using System.Runtime.InteropServices;
using System.Text;
using Transport.Linux.Interop;

namespace Yarp.Splice.Bpf;

/// <summary>bpf(2), directly: the few commands that the relay needs. Results are the call's own, or the negative error number.</summary>
internal static unsafe partial class BpfCalls
{
    public const uint BPF_MAP_TYPE_ARRAY_OF_MAPS = 12;
    public const uint BPF_MAP_TYPE_RINGBUF = 27;

    private const int BPF_MAP_CREATE = 0;
    private const int BPF_MAP_UPDATE_ELEM = 2;
    private const int BPF_MAP_DELETE_ELEM = 3;
    private const int BPF_PROG_LOAD = 5;
    private const int BPF_PROG_ATTACH = 8;
    private const uint BPF_PROG_TYPE_SOCKET_FILTER = 1;
    private const uint BPF_PROG_TYPE_SK_SKB = 14;
    private const uint BPF_SK_SKB_STREAM_VERDICT = 5;

    /// <summary>Longer than any attribute used here; a kernel refuses only a tail that it does not know and that is not zero.</summary>
    private const int AttributeSize = 120;

    /// <summary>No libc has a wrapper; the number is the architecture's (asm/unistd.h).</summary>
    private static readonly nint s_bpf = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 321 : 280;

    public static int CreateMap(string name, BpfMapDefinition definition, int innerMap)
    {
        var attribute = stackalloc byte[AttributeSize];
        new Span<byte>(attribute, AttributeSize).Clear();
        *(BpfMapDefinition*)attribute = definition;
        *(int*)(attribute + 20) = innerMap;
        Encoding.ASCII.GetBytes(name, new Span<byte>(attribute + 28, 15));
        return Call(BPF_MAP_CREATE, attribute);
    }

    public static int UpdateElement(int map, void* key, void* value)
    {
        var attribute = stackalloc ulong[AttributeSize / sizeof(ulong)];
        new Span<ulong>(attribute, AttributeSize / sizeof(ulong)).Clear();
        attribute[0] = (uint)map;
        attribute[1] = (ulong)key;
        attribute[2] = (ulong)value;
        return Call(BPF_MAP_UPDATE_ELEM, attribute);
    }

    public static int DeleteElement(int map, void* key)
    {
        var attribute = stackalloc ulong[AttributeSize / sizeof(ulong)];
        new Span<ulong>(attribute, AttributeSize / sizeof(ulong)).Clear();
        attribute[0] = (uint)map;
        attribute[1] = (ulong)key;
        return Call(BPF_MAP_DELETE_ELEM, attribute);
    }

    /// <summary>Loads a stream verdict; the verifier writes its log into <paramref name="log"/> if that is not empty.</summary>
    public static int LoadVerdict(string name, ReadOnlySpan<byte> instructions, string license, Span<byte> log) =>
        Load(BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_VERDICT, name, instructions, license, log);

    /// <summary>Loads a socket filter, as <see cref="LoadVerdict"/> does a verdict.</summary>
    public static int LoadFilter(string name, ReadOnlySpan<byte> instructions, string license, Span<byte> log) =>
        Load(BPF_PROG_TYPE_SOCKET_FILTER, 0, name, instructions, license, log);

    /// <summary>Sockets that are inserted into the map from now on run the program.</summary>
    public static int AttachVerdict(int map, int program)
    {
        var attribute = stackalloc uint[AttributeSize / sizeof(uint)];
        new Span<uint>(attribute, AttributeSize / sizeof(uint)).Clear();
        attribute[0] = (uint)map;
        attribute[1] = (uint)program;
        attribute[2] = BPF_SK_SKB_STREAM_VERDICT;
        return Call(BPF_PROG_ATTACH, attribute);
    }

    private static int Load(uint type, uint attachType, string name, ReadOnlySpan<byte> instructions, string license, Span<byte> log)
    {
        var attribute = stackalloc byte[AttributeSize];
        new Span<byte>(attribute, AttributeSize).Clear();
        var licenseText = Encoding.ASCII.GetBytes(license + '\0');
        fixed (byte* code = instructions, licensePointer = licenseText, logPointer = log)
        {
            *(uint*)attribute = type;
            *(uint*)(attribute + 4) = (uint)(instructions.Length / 8);
            *(ulong*)(attribute + 8) = (ulong)code;
            *(ulong*)(attribute + 16) = (ulong)licensePointer;
            *(uint*)(attribute + 24) = log.IsEmpty ? 0u : 1u;
            *(uint*)(attribute + 28) = (uint)log.Length;
            *(ulong*)(attribute + 32) = log.IsEmpty ? 0 : (ulong)logPointer;
            Encoding.ASCII.GetBytes(name, new Span<byte>(attribute + 48, 15));
            *(uint*)(attribute + 68) = attachType;
            return Call(BPF_PROG_LOAD, attribute);
        }
    }

    private static int Call(int command, void* attribute)
    {
        while (true)
        {
            var result = (int)syscall(s_bpf, command, attribute, AttributeSize);
            if (result >= 0)
            {
                return result;
            }

            // The verifier gives up with EAGAIN when a signal is pending (bpf(2)).
            var errno = Marshal.GetLastPInvokeError();
            if (errno != Errno.EINTR && !(errno == Errno.EAGAIN && command == BPF_PROG_LOAD))
            {
                return -errno;
            }
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint command, void* attribute, nint size);
}
