using System.Runtime.InteropServices;

namespace Machine.Tests;

/// <summary>Where a page is: get_mempolicy(2).</summary>
internal static unsafe partial class PageCalls
{
    private const ulong MPOL_F_NODE = 1;
    private const ulong MPOL_F_ADDR = 2;

    /// <summary>glibc has no get_mempolicy of its own; the number is the architecture's (asm/unistd.h).</summary>
    private static readonly nint s_getMempolicy = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 239 : 236;

    /// <summary>The node of the page at this address, which has been touched; the negative error number if the kernel does not tell.</summary>
    public static int NodeOf(nint address)
    {
        var node = -1;
        return syscall(s_getMempolicy, &node, null, 0, address, MPOL_F_NODE | MPOL_F_ADDR) < 0 ? -Marshal.GetLastPInvokeError() : node;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, int* mode, nuint* mask, nuint maxNode, nint address, ulong flags);
}
