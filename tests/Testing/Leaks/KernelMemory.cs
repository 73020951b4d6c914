using System.Globalization;

namespace Testing.Leaks;

/// <summary>Memory that the kernel holds for all processes of the machine, in bytes.</summary>
/// <param name="TcpBuffers">In TCP's queues (/proc/net/sockstat).</param>
/// <param name="Slab">In objects that it can't give back at will (SUnreclaim of /proc/meminfo): sockets, pipes, epoll's records.</param>
public sealed record KernelMemory(long TcpBuffers, long Slab)
{
    public static KernelMemory Now => new(
        Environment.SystemPageSize * Number("/proc/net/sockstat", "TCP:", "mem"), 1024 * Number("/proc/meminfo", "SUnreclaim:", "SUnreclaim:"));

    /// <summary>The word behind a name, in the line that begins with a title.</summary>
    private static long Number(string file, string title, string name)
    {
        var words = File.ReadLines(file).Single(line => line.StartsWith(title, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return long.Parse(words[Array.IndexOf(words, name) + 1], CultureInfo.InvariantCulture);
    }
}
