using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Transport.Linux.Tests;

/// <summary>Makes epoll_wait of a loop fail, by putting a descriptor that is no epoll instance in the place of its own.</summary>
internal static partial class BrokenLoop
{
    public static void Break(EventLoop loop)
    {
        using var other = File.OpenHandle("/dev/null");
        // Not closed, which would free the number for another test's descriptor.
        Assert.True(dup2((int)other.DangerousGetHandle(), Epoll(loop)) >= 0);
        // The wait that is under way holds the old one; the next finds the new.
        loop.Post(static _ => { }, null);
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_epoll")]
    private static extern ref readonly int Epoll(EventLoop loop);

    [LibraryImport("libc")]
    private static partial int dup2(int from, int to);
}
