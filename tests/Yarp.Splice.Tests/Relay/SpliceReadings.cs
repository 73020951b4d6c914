using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Yarp.Splice.Tests.Relay;

/// <summary>What the relay's counters have counted, by instrument and the values of chosen attributes.</summary>
internal sealed class SpliceReadings : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentQueue<(string Name, long Value, KeyValuePair<string, object?>[] Tags)> _readings = new();

    private readonly ConcurrentQueue<(string Name, long Value, KeyValuePair<string, object?>[] Tags)> _observed = new();

    public SpliceReadings(IMeterFactory factory)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            // Other tests have meters of the same name.
            if (ReferenceEquals(instrument.Meter.Scope, factory))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            (instrument.IsObservable ? _observed : _readings).Enqueue((instrument.Name, value, tags.ToArray())));
        _listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) =>
            (instrument.IsObservable ? _observed : _readings).Enqueue((instrument.Name, 1, tags.ToArray())));
        _listener.Start();
    }

    /// <summary>The sum over all measurements that carry these attributes; of instruments that are asked, over their answers of now.</summary>
    public long Sum(string name, params (string Key, string Value)[] attributes)
    {
        lock (_observed)
        {
            _observed.Clear();
            _listener.RecordObservableInstruments();
            return Find(_readings.Concat(_observed), name, attributes).Sum(static reading => reading.Value);
        }
    }

    /// <summary>The number of measurements that carry these attributes.</summary>
    public long Count(string name, params (string Key, string Value)[] attributes) => Find(_readings, name, attributes).Count();

    public void Dispose() => _listener.Dispose();

    private static IEnumerable<(string Name, long Value, KeyValuePair<string, object?>[] Tags)> Find(
        IEnumerable<(string Name, long Value, KeyValuePair<string, object?>[] Tags)> readings, string name, (string Key, string Value)[] attributes) =>
        readings.Where(reading => reading.Name == name && attributes.All(wanted => reading.Tags.Any(tag => tag.Key == wanted.Key && wanted.Value.Equals(tag.Value))));
}
