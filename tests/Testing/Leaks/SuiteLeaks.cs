namespace Testing.Leaks;

/// <summary>Whether all that a test suite opened is closed at its end.</summary>
public static class SuiteLeaks
{
    /// <summary>Other processes share the kernel's memory: only what can't be theirs counts, and a suite that leaks its sockets holds more.</summary>
    private const long ForeignKernelMemory = 1L << 30;

    /// <summary>
    /// What the runtime opens when it is first needed and keeps. An event queue for each of its socket engines, at most one for each CPU. A pipe for
    /// signals. A watcher's queue. The diagnostics port and the test host's connection. Files: what is below /proc and /sys at the moment of
    /// counting, and as many assemblies as there are. Sockets are also the idle connections of HTTP clients that tests leave to their application, and
    /// nobody closes: some ten, in CLOSE_WAIT; a relay that leaks has two a session. What is not named here is nothing that the runtime has.
    /// </summary>
    private static readonly Dictionary<string, int> s_ofTheRuntime = new()
    {
        ["eventpoll"] = Environment.ProcessorCount,
        ["pipe"] = 4,
        ["inotify"] = 1,
        ["socket"] = 64,
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
        OpenDescriptors? now = null;
        List<string> more = [];
        await Deadline.UntilAsync(
            () =>
            {
                // Descriptors whose owner was forgotten are the finalizer's: .NET's own sockets, that is. Ours have none, and stay.
                GC.Collect();
                GC.WaitForPendingFinalizers();
                now = OpenDescriptors.Of(Environment.ProcessId);
                more = [.. now.Keys.Where(kind => now.CountOf(kind) > before.CountOf(kind) + s_ofTheRuntime.GetValueOrDefault(kind))
                    .Select(kind => $"{now.CountOf(kind)} of kind {kind}, {before.CountOf(kind)} before the first test:\n{now.Describe(kind)}")];
                return Task.FromResult(more.Count == 0);
            },
            () => $"left open by the tests of this process: {string.Join('\n', more)}");
        var memory = KernelMemory.Now;
        if (memory.TcpBuffers > s_memoryBefore!.TcpBuffers + ForeignKernelMemory || memory.Slab > s_memoryBefore.Slab + ForeignKernelMemory)
        {
            throw new InvalidOperationException($"the kernel holds {memory}, and {s_memoryBefore} before the first test");
        }

        return $"before: {before}; {s_memoryBefore}\nnow: {now}; {memory}";
    }
}
