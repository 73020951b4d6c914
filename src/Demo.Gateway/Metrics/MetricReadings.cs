namespace Demo.Gateway.Metrics;

/// <summary>The latest collection, shared by everybody who asks within a moment: a crowd of askers costs no more than one.</summary>
internal sealed class MetricReadings(MetricCollector collector)
{
    private const long MaxAgeMs = 200;

    private readonly Lock _lock = new();
    private IReadOnlyList<(MetricFamily Family, MetricSeries[] Series)> _families = [];
    private long _takenAtMs = long.MinValue / 2;
    private string? _text;

    public IReadOnlyList<(MetricFamily Family, MetricSeries[] Series)> Families
    {
        get
        {
            lock (_lock)
            {
                Refresh();
                return _families;
            }
        }
    }

    /// <summary>The same in the Prometheus text format.</summary>
    public string Text
    {
        get
        {
            lock (_lock)
            {
                Refresh();
                return _text ??= PrometheusText.Write(_families);
            }
        }
    }

    private void Refresh()
    {
        var now = Environment.TickCount64;
        if (now - _takenAtMs >= MaxAgeMs)
        {
            _families = collector.Collect();
            _takenAtMs = now;
            _text = null;
        }
    }
}
