using System.Diagnostics;
using Transport.Linux.Metrics;

namespace Transport.Linux;

/// <content>What the loop counts for the metrics.</content>
public sealed partial class EventLoop
{
    internal LoopCounters Counters { get; } = new();

    /// <summary>When the loop was made, in ticks of <see cref="Stopwatch"/>.</summary>
    internal long StartedAt { get; } = Stopwatch.GetTimestamp();
}
