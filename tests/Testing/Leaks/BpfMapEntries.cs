using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Testing.Leaks;

/// <summary>Counts the entries of a process's eBPF maps.</summary>
internal static unsafe partial class BpfMapEntries
{
    private const int BPF_MAP_GET_NEXT_KEY = 4;
    private const int AttributeSize = 120;
    private const int ESRCH = 3;
    private const int EBADF = 9;

    private const int PidfdOpen = 434;
    private const int PidfdGetDescriptor = 438;

    // BPF_MAP_TYPE_HASH and BPF_MAP_TYPE_SOCKHASH; those of Sockmap mode have keys of eight bytes. An array's entries are always there.
    private static readonly string[] s_keyedTypes = ["1", "18"];

    private static readonly nint s_bpf = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 321 : 280;

    /// <summary>How many entries the map has; 0 if it is closed by now, or has no keys of Sockmap mode.</summary>
    /// <param name="processId">Whose map it is.</param>
    /// <param name="descriptor">Its descriptor there, as /proc/PID/fd names it.</param>
    public static int Count(int processId, string descriptor)
    {
        using var process = Open(PidfdOpen, processId, 0);
        using var map = process is null ? null : Open(PidfdGetDescriptor, process.Number, nint.Parse(descriptor, CultureInfo.InvariantCulture));
        if (map is null)
        {
            return 0;
        }

        var facts = File.ReadLines($"/proc/self/fdinfo/{map.Number}").Select(static line => line.Split('\t')).Where(static fact => fact.Length == 2)
            .ToDictionary(static fact => fact[0], static fact => fact[1]);
        // A number may have another meaning by now.
        if (!s_keyedTypes.Contains(facts.GetValueOrDefault("map_type:")) || facts["key_size:"] != "8")
        {
            return 0;
        }

        ulong key = 0;
        var attribute = stackalloc ulong[AttributeSize / sizeof(ulong)];
        new Span<ulong>(attribute, AttributeSize / sizeof(ulong)).Clear();
        attribute[0] = (uint)map.Number;
        attribute[2] = (ulong)&key;
        var count = 0;
        while (syscall(s_bpf, BPF_MAP_GET_NEXT_KEY, (nint)attribute, AttributeSize) == 0)
        {
            attribute[1] = (ulong)&key;
            count++;
        }

        return count;
    }

    /// <summary>What a call opens, or <see langword="null"/> if what it refers to is gone.</summary>
    private static Descriptor? Open(nint call, nint first, nint second)
    {
        var descriptor = syscall(call, first, second, 0);
        var error = Marshal.GetLastPInvokeError();
        return descriptor >= 0 ? new Descriptor(descriptor) : error is ESRCH or EBADF ? null : throw new Win32Exception(error, $"system call {call}");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint first, nint second, nint third);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);

    private sealed class Descriptor(nint number) : IDisposable
    {
        public nint Number => number;

        public void Dispose() => _ = close((int)number);
    }
}
