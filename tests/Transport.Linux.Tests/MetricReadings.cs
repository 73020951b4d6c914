using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace Transport.Linux.Tests;

/// <summary>A meter factory of a test's own, and what its instruments say when asked.</summary>
internal sealed class MetricReadings : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<(string Name, int Index, string? Side), double> _values = new();

    public MetricReadings()
    {
        Factory = _services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            // Other tests have meters of the same name.
            if (ReferenceEquals(instrument.Meter.Scope, Factory))
            {
                Units[instrument.Name] = instrument.Unit;
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Keep(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Keep(instrument, value, tags));
        _listener.Start();
    }

    public IMeterFactory Factory { get; }

    public ConcurrentDictionary<string, string?> Units { get; } = new();

    public void Collect() => _listener.RecordObservableInstruments();

    /// <summary>Of one worker, or of one memory node.</summary>
    public double Of(string name, int index, string? side = null) => _values[(name, index, side)];

    public bool Has(string name) => _values.Keys.Any(key => key.Name == name);

    /// <summary>Over all workers, after a fresh collection.</summary>
    public double Sum(string name, string? side = null)
    {
        Collect();
        return _values.Where(entry => entry.Key.Name == name && entry.Key.Side == side).Sum(static entry => entry.Value);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _services.Dispose();
    }

    private void Keep(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var index = -1;
        string? side = null;
        foreach (var tag in tags)
        {
            switch (tag.Key)
            {
                case "worker" or "node":
                    index = (int)tag.Value!;
                    break;
                case "direction" or "locality":
                    side = (string)tag.Value!;
                    break;
            }
        }

        _values[(instrument.Name, index, side)] = value;
    }
}
