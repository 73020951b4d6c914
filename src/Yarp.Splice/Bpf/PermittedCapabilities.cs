using System.Runtime.InteropServices;

namespace Yarp.Splice.Bpf;

/// <summary>
/// Puts into effect what the thread is permitted and Sockmap mode needs. A file that grants capabilities without putting them into effect (<c>setcap …=p</c>) can also
/// be run where they are not to be had, which one with <c>=ep</c> cannot (capabilities(7), "Safety checking for capability-dumb binaries").
/// </summary>
internal static unsafe partial class PermittedCapabilities
{
    /// <summary>_LINUX_CAPABILITY_VERSION_3: two words for each set (capget(2)).</summary>
    private const uint Version3 = 0x20080522;

    private const int Words = 2;

    /// <summary>Of the calling thread. Does nothing where the kernel refuses: what is missing shows when it is used.</summary>
    public static void PutIntoEffect()
    {
        var header = new Header { Version = Version3 };
        // struct __user_cap_data_struct, for each word: effective, permitted, inheritable.
        var sets = stackalloc uint[Words * 3];
        if (capget(&header, sets) != 0)
        {
            return;
        }

        for (var i = 0; i < Words; i++)
        {
            sets[i * 3] |= sets[(i * 3) + 1] & (uint)(Capabilities.ForSockmap >> (i * 32));
        }

        _ = capset(&header, sets);
    }

    [LibraryImport("libc")]
    private static partial int capget(Header* header, uint* data);

    [LibraryImport("libc")]
    private static partial int capset(Header* header, uint* data);

    private struct Header
    {
        public uint Version;
        public int ProcessId;
    }
}
