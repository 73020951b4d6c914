namespace Bench.Driver.Measuring;

/// <summary>What one load on one contestant gave, by the keys of <see cref="Metric"/>.</summary>
internal sealed class Sample : Dictionary<string, double>
{
    public Sample()
        : base(StringComparer.Ordinal)
    {
    }

    /// <summary>True if the load generator had no CPU time left while the server had: the server could have done more.</summary>
    public bool LoadWasBottleneck =>
        TryGetValue(Metric.LoadCores.Key, out var load) && load >= 0.95 && TryGetValue(Metric.ServerCores.Key, out var server) && server < load;
}
