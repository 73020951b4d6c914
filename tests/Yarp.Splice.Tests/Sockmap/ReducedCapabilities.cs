using System.Runtime.InteropServices;

namespace Yarp.Splice.Tests.Sockmap;

/// <summary>Runs something on a thread that has given up capabilities; they belong to threads, not to the process (capabilities(7)).</summary>
internal static unsafe partial class ReducedCapabilities
{
    public const int NetAdmin = 12;
    public const int SysAdmin = 21;
    public const int Perfmon = 38;
    public const int Bpf = 39;

    public static T Run<T>(Func<T> action, params int[] without)
    {
        var result = default(T);
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Drop(without);
                result = action();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        return failure is null ? result! : throw new InvalidOperationException("on the thread without capabilities", failure);
    }

    private static void Drop(int[] capabilities)
    {
        // _LINUX_CAPABILITY_VERSION_3, this thread; effective, permitted and inheritable sets in two words each.
        var header = stackalloc uint[2] { 0x20080522, 0 };
        var sets = stackalloc uint[6];
        Assert.Equal(0, capget(header, sets));
        foreach (var capability in capabilities)
        {
            // Effective and permitted: loading puts into effect what is permitted.
            sets[capability / 32 * 3] &= ~(1u << (capability % 32));
            sets[(capability / 32 * 3) + 1] &= ~(1u << (capability % 32));
        }

        Assert.Equal(0, capset(header, sets));
    }

    [LibraryImport("libc")]
    private static partial int capget(uint* header, uint* sets);

    [LibraryImport("libc")]
    private static partial int capset(uint* header, uint* sets);
}
