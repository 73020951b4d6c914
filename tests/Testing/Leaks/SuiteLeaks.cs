namespace Testing.Leaks;

/// <summary>Whether all that a test suite opened is closed at its end.</summary>
public static class SuiteLeaks
{
    /// <summary>Other processes share the kernel's memory: only what can't be theirs counts, and a suite that leaks its sockets holds more.</summary>
    private const long ForeignKernelMemory = 1L << 30;

    /// <summary>
    /// What the runtime opens when it is first needed and keeps. An event queue for each of its socket engines, at most one for each CPU. A pipe for
    /// signals. A watcher's queue. Files: what is below /proc and /sys at the moment of counting, and as many assemblies as there are. Sockets:
    /// connections of forgotten HTTP clients with a read under way (HTTP/2 always has one), which are open until the clients' idle timeout; a relay that
    /// leaks has two a session. What is not named here is nothing that the runtime has.
    /// </summary>
    private static readonly Dictionary<string, int> s_ofTheRuntime = new()
    {
        ["eventpoll"] = Environment.ProcessorCount,
        ["pipe"] = 4,
        ["inotify"] = 1,
        ["socket"] = 16,
        ["file"] = 8,
        [OpenDescriptors.Assembly] = int.MaxValue / 2,
    };

    private static OpenDescriptors? s_before;
    private static KernelMemory? s_memoryBefore;

    /// <summary>Remembers what is open before the first test.</summary>
    public static void Begin()
    {
        s_before ??= OpenDescriptors.Of(Environment.ProcessId);
        s_memoryBefore ??= KernelMemory.Now;
    }

    /// <summary>Waits until no more is open than before the first test; fails with the kinds of which there is more.</summary>
    /// <returns>What is open now, and was before.</returns>
    public static async Task<string> AssertNoneAsync()
    {
        var before = s_before ?? throw new InvalidOperationException("The assembly has no TestCollectionOrderer attribute that names LeakCheckLast.");
        var now = await before.WaitForNoMoreAsync(s_ofTheRuntime);
        var memory = KernelMemory.Now;
        if (memory.TcpBuffers > s_memoryBefore!.TcpBuffers + ForeignKernelMemory || memory.Slab > s_memoryBefore.Slab + ForeignKernelMemory)
        {
            throw new InvalidOperationException($"the kernel holds {memory}, and {s_memoryBefore} before the first test");
        }

        return $"before: {before}; {s_memoryBefore}\nnow: {now}; {memory}";
    }
}
