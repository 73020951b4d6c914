namespace Transport.Linux;

/// <summary>Where application code runs that received bytes have woken.</summary>
public enum ApplicationScheduling
{
    /// <summary>
    /// On the event loop's thread, which saves the hop to the thread pool. When code blocks that thread for some 2 ms, or computes for 4 ms, another
    /// thread takes the loop over, and for 1 to 60 seconds application code of that loop goes to the thread pool. Code that waits goes there too
    /// after half a millisecond, if other CPUs are idle.
    /// </summary>
    Adaptive,

    /// <summary>On the thread pool, always, as with Kestrel's socket transport.</summary>
    ThreadPool,
}
