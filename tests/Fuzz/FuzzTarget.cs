namespace Fuzz;

/// <summary>A piece of the product that reads what strangers send, with a generator of what they might, and what must hold for all of it.</summary>
internal abstract class FuzzTarget
{
    /// <summary>The name on the command line, and the folder of its inputs under <c>Corpus</c>.</summary>
    public abstract string Name { get; }

    /// <summary>How many cases of the fastest target take as long as one of this: it gets that many times fewer.</summary>
    public virtual int Cost => 1;

    /// <summary>The most processor time of one case.</summary>
    public virtual TimeSpan Limit => TimeSpan.FromSeconds(1);

    /// <summary>Called from several threads at once, as all of it is.</summary>
    public abstract FuzzCase Generate(FuzzRandom random);

    /// <param name="input">The input.</param>
    /// <param name="random">Chooses how it is cut.</param>
    /// <returns>What does not hold, or <see langword="null"/>.</returns>
    public abstract string? Check(FuzzCase input, FuzzRandom random);

    /// <summary>The bytes that an action allocates on this thread: the smaller of two measurements if the first is too much, as a pool may have been empty.</summary>
    protected static long Allocated(Action action, long limit)
    {
        var allocated = Measure(action);
        return allocated <= limit ? allocated : Math.Min(allocated, Measure(action));
    }

    private static long Measure(Action action)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
