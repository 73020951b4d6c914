using System.Diagnostics.Metrics;

namespace Demo.Gateway.Metrics;

/// <summary>
/// Adds up what the application's instruments measure. The gateway's own meters are listened to from the start; those of ASP.NET Core, Kestrel, the HTTP client
/// and the runtime cost something for each request, and are listened to once somebody has asked for metrics.
/// </summary>
internal sealed class MetricCollector : IDisposable
{
    private static readonly string[] s_ownMeters = ["Demo.Gateway", "Transport.Linux", "Yarp.Splice"];

    /// <summary>OpenTelemetry's, for instruments that give no advice.</summary>
    private static readonly double[] s_defaultBounds = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000];

    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly List<Instrument> _others = [];
    private readonly IMeterFactory _factory;
    private readonly MeterListener _listener = new();
    private bool _isAsked;
    private long _collection;

    public MetricCollector(IMeterFactory factory)
    {
        _factory = factory;
        _listener.InstrumentPublished = OnPublished;
        _listener.SetMeasurementEventCallback<byte>((_, value, tags, family) => Measure(value, tags, family));
        _listener.SetMeasurementEventCallback<short>((_, value, tags, family) => Measure(value, tags, family));
        _listener.SetMeasurementEventCallback<int>((_, value, tags, family) => Measure(value, tags, family));
        _listener.SetMeasurementEventCallback<long>((_, value, tags, family) => Measure(value, tags, family));
        _listener.SetMeasurementEventCallback<float>((_, value, tags, family) => Measure(value, tags, family));
        _listener.SetMeasurementEventCallback<double>((_, value, tags, family) => Measure(value, tags, family));
        _listener.SetMeasurementEventCallback<decimal>((_, value, tags, family) => Measure((double)value, tags, family));
        _listener.Start();
    }

    /// <summary>Asks the instruments that are to be asked, and hands out every family with its series, ordered by name.</summary>
    public IReadOnlyList<(MetricFamily Family, MetricSeries[] Series)> Collect()
    {
        lock (_lock)
        {
            if (!_isAsked)
            {
                _isAsked = true;
                _others.ForEach(Enable);
                _others.Clear();
            }

            _collection++;
            try
            {
                _listener.RecordObservableInstruments();
            }
            catch (AggregateException)
            {
                // An instrument that fails to answer is missing from this collection; the others have answered.
            }

            return [.. _families.Values
                .Select(family => (family, family.IsObserved ? [.. family.List().Where(series => series.LastSeen == _collection)] : family.List()))
                .Where(static pair => pair.Item2.Length > 0)];
        }
    }

    public void Dispose() => _listener.Dispose();

    private static MetricKind? KindOf(Instrument instrument) => instrument.GetType().Name.Split('`')[0] switch
    {
        "Counter" or "ObservableCounter" => MetricKind.Counter,
        "UpDownCounter" or "ObservableUpDownCounter" or "ObservableGauge" => MetricKind.Gauge,
        "Histogram" => MetricKind.Histogram,
        // Gauges that are set rather than asked: no meter of the stack has one.
        _ => null,
    };

    private static double[] BoundsOf(Instrument instrument) => instrument switch
    {
        Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds],
        Histogram<long> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(static bound => (double)bound)],
        Histogram<int> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(static bound => (double)bound)],
        _ => s_defaultBounds,
    };

    private void OnPublished(Instrument instrument, MeterListener listener)
    {
        // Other applications of the process, such as the admin endpoint itself, have meters of the same names.
        if (instrument.Meter.Scope is not null && !ReferenceEquals(instrument.Meter.Scope, _factory))
        {
            return;
        }

        lock (_lock)
        {
            if (_isAsked || s_ownMeters.Contains(instrument.Meter.Name))
            {
                Enable(instrument);
            }
            else
            {
                _others.Add(instrument);
            }
        }
    }

    private void Enable(Instrument instrument)
    {
        if (KindOf(instrument) is not { } kind)
        {
            return;
        }

        var name = MetricName.Of(instrument, kind);
        if (!_families.TryGetValue(name, out var family))
        {
            family = new MetricFamily(
                name, instrument.Description ?? "", kind, instrument.IsObservable, kind == MetricKind.Histogram ? BoundsOf(instrument) : []);
            _families.Add(name, family);
        }

        // Two instruments of one name are one family; of another type, the second cannot be shown.
        if (family.Kind == kind && family.IsObserved == instrument.IsObservable)
        {
            _listener.EnableMeasurementEvents(instrument, family);
        }
    }

    private void Measure(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        var family = (MetricFamily)state!;
        var series = family.Find(tags);
        switch (family)
        {
            case { Kind: MetricKind.Histogram }:
                series.Record(value);
                break;
            case { IsObserved: true }:
                series.Set(value, _collection);
                break;
            default:
                series.Add(value);
                break;
        }
    }
}
