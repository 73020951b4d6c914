using System.Runtime.InteropServices;

namespace Transport.Linux.Interop;

/// <summary>fcntl(2) as far as it is needed.</summary>
internal static partial class DescriptorCalls
{
    private const int F_GETFL = 3;
    private const int F_SETFL = 4;
    private const int O_NONBLOCK = 0x800;

    public static int SetNonBlocking(int descriptor)
    {
        var flags = fcntl(descriptor, F_GETFL, 0);
        return flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0 ? -Marshal.GetLastPInvokeError() : 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int descriptor, int command, nint argument);
}
