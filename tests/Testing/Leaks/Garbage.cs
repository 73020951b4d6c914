namespace Testing.Leaks;

/// <summary>Objects of this process that nobody holds any more.</summary>
public static class Garbage
{
    /// <summary>Collects it, and waits for its finalizers.</summary>
    public static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    /// <summary>Collects it until a task has ended that nothing else should end, such as the peer's wait for the end of a connection.</summary>
    /// <returns>The task's result.</returns>
    public static async Task<T> CollectUntilAsync<T>(Task<T> ended)
    {
        await Deadline.UntilAsync(
            () =>
            {
                Collect();
                return Task.FromResult(ended.IsCompleted);
            },
            static () => "something lives on that nobody should hold");
        return await ended;
    }
}
