using System.Runtime.InteropServices;
using Transport.Linux.Interop;

namespace Yarp.Splice.Bpf;

/// <summary>A map's memory, shared with the kernel.</summary>
internal sealed unsafe partial class BpfMemory : IDisposable
{
    private const int PROT_READ = 1;
    private const int PROT_WRITE = 2;
    private const int MAP_SHARED = 1;

    private readonly nuint _length;

    /// <exception cref="BpfException">The kernel refused.</exception>
    public BpfMemory(BpfMap map, string name, nuint length, nint offset = 0, bool isWritable = true)
    {
        _length = length;
        Address = mmap(null, length, isWritable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, map.Descriptor, offset);
        if ((nint)Address == -1)
        {
            throw BpfException.From($"mapping the memory of {name}", Marshal.GetLastPInvokeError());
        }
    }

    public byte* Address { get; }

    public void Dispose() => _ = munmap(Address, _length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial byte* mmap(void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);
}
