using System.Runtime.InteropServices;

namespace Transport.Linux.Interop;

/// <summary>Anonymous memory with a policy of its own: mmap(2), mbind(2).</summary>
internal static unsafe partial class MemoryCalls
{
    public const int MPOL_PREFERRED = 1;
    public const int MPOL_BIND = 2;

    private const int MADV_HUGEPAGE = 14;
    private const int PROT_READ_WRITE = 0x1 | 0x2;
    private const int MAP_PRIVATE_ANONYMOUS = 0x02 | 0x20;

    // 1,024 nodes, the most that a kernel can be built for.
    private const int MaskWords = 16;

    /// <summary>glibc has no mbind of its own; the number is the architecture's (asm/unistd.h).</summary>
    private static readonly nint s_mbind = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 237 : 235;

    /// <summary>Maps zeroed pages; <see langword="null"/> if there is no memory.</summary>
    public static byte* Map(nuint length)
    {
        var address = mmap(null, length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
        return (nint)address == -1 ? null : address;
    }

    /// <summary>As <see cref="Map(nuint)"/>, at an address that is a multiple of <paramref name="alignment"/>, a power of two.</summary>
    public static byte* Map(nuint length, nuint alignment)
    {
        var address = Map(length + alignment);
        if (address is null)
        {
            return null;
        }

        var skip = (alignment - ((nuint)address & (alignment - 1))) & (alignment - 1);
        if (skip > 0)
        {
            Unmap(address, skip);
        }

        Unmap(address + skip + length, alignment - skip);
        return address + skip;
    }

    /// <summary>Asks for huge pages when the memory is first touched; zero, or the negative error number.</summary>
    public static int AdviseHugePages(byte* address, nuint length) =>
        madvise(address, length, MADV_HUGEPAGE) < 0 ? -Marshal.GetLastPInvokeError() : 0;

    public static void Unmap(byte* address, nuint length) => _ = munmap(address, length);

    /// <summary>Says which node the pages come from when they are first touched; zero, or the negative error number.</summary>
    public static int SetPolicy(byte* address, nuint length, int mode, int node)
    {
        if (node is < 0 or >= MaskWords * 64)
        {
            return -Errno.EINVAL;
        }

        var mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        mask[node / 64] = 1ul << (node % 64);
        // The kernel looks at one bit less than it is told (get_nodes in mm/mempolicy.c).
        return syscall(s_mbind, address, length, mode, mask, (MaskWords * 64) + 1, 0) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial byte* mmap(void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int madvise(void* address, nuint length, int advice);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, void* address, nuint length, nint mode, ulong* mask, nuint maxNode, nuint flags);
}
