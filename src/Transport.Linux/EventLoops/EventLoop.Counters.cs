using System.Diagnostics;
using Transport.Linux.Listening;
using Transport.Linux.Metrics;
using Transport.Linux.Numa;

namespace Transport.Linux;

/// <content>What the loop counts for the metrics, and what they may look at.</content>
public sealed partial class EventLoop
{
    internal LoopCounters Counters { get; } = new();

    internal AcceptQueues AcceptQueues { get; } = new();

    /// <summary>Compares connections with the loop's memory node; <see langword="null"/> if that is not known.</summary>
    internal NodeLocality? Locality { get; init; }

    /// <summary>When the loop was made, in ticks of <see cref="Stopwatch"/>.</summary>
    internal long StartedAt { get; } = Stopwatch.GetTimestamp();

    /// <summary>How many descriptors are registered; from another thread a moment late.</summary>
    internal int RegisteredDescriptors => _handlers.Count;
}
