namespace Transport.Linux.Listening;

/// <summary>One want of descriptors or memory, however many loops of a listener feel it: it is logged once.</summary>
internal sealed class AcceptShortage
{
    private int _loops;

    /// <summary>A loop begins to feel it; true for the first.</summary>
    public bool Begin() => Interlocked.Increment(ref _loops) == 1;

    /// <summary>A loop has emptied its accept queue.</summary>
    public void End() => Interlocked.Decrement(ref _loops);
}
