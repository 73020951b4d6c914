namespace Bench.Driver.Measuring;

/// <summary>What one load on one contestant gave, by the keys of <see cref="Metric"/>.</summary>
internal sealed class Sample : Dictionary<string, double>
{
    public Sample()
        : base(StringComparer.Ordinal)
    {
    }

    /// <summary>
    /// True if the load generator, or the upstream behind a relay, used all of the one CPU that it can use while the server used less: the
    /// server could have done more.
    /// </summary>
    public bool LoadWasBottleneck
    {
        get
        {
            var others = Math.Max(this.GetValueOrDefault(Metric.LoadCores.Key), this.GetValueOrDefault(Metric.UpstreamCores.Key));
            return others >= 0.95 && TryGetValue(Metric.ServerCores.Key, out var server) && server < others;
        }
    }
}
