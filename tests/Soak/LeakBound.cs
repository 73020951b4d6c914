namespace Soak;

/// <summary>How much of something may be gained from the first third of a run to its end, along the fitted line, before it counts as a leak.</summary>
/// <param name="Name">What.</param>
/// <param name="Unit">In which unit it is printed.</param>
/// <param name="UnitSize">How much one unit is.</param>
/// <param name="MostGrowth">The bound in that unit, or <see langword="null"/> for what is only reported.</param>
/// <param name="Read">Takes it from a sample.</param>
internal sealed record LeakBound(string Name, string Unit, double UnitSize, double? MostGrowth, Func<MemorySample, double> Read)
{
    private const double MiB = 1024 * 1024;

    /// <summary>
    /// What a run may gain does not depend on its length: a cache fills once, a leak goes on. The kernel's memory is the whole machine's, so
    /// it can't be judged.
    /// </summary>
    public static IReadOnlyList<LeakBound> All { get; } =
    [
        new("resident memory", "MiB", MiB, 48, static sample => sample.Resident),
        new("managed heap, alive", "MiB", MiB, 12, static sample => sample.Heap),
        new("descriptors", "", 1, 128, static sample => sample.Descriptors),
        new("kernel slab (machine)", "MiB", MiB, null, static sample => sample.Slab),
        new("TCP buffers (machine)", "MiB", MiB, null, static sample => sample.TcpBuffers),
    ];

    /// <summary>Growth for each minute after the first third, in units.</summary>
    public double SlopeOf(IReadOnlyList<MemorySample> samples) =>
        LinearFit.Slope([.. samples.Skip(samples.Count / 3).Select(sample => (sample.Minutes, Read(sample) / UnitSize))]);

    public bool IsExceededBy(IReadOnlyList<MemorySample> samples) =>
        MostGrowth is { } most && SlopeOf(samples) * (samples[^1].Minutes - samples[samples.Count / 3].Minutes) > most;
}
