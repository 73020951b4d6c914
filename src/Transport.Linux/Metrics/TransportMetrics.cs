using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Transport.Linux.Metrics;

/// <summary>The meter <c>Transport.Linux</c>: reads the loops' counters when somebody collects, and costs nothing until then.</summary>
internal sealed class TransportMetrics
{
    public const string MeterName = "Transport.Linux";

    private readonly Func<IReadOnlyList<EventLoop>> _startedLoops;
    private readonly Lock _utilizationLock = new();
    private (long At, long Busy)[] _lastCollections = [];

    /// <param name="meterFactory">Makes the meter.</param>
    /// <param name="startedLoops">The loops, or none while they aren't started: a collection must not start them.</param>
    public TransportMetrics(IMeterFactory meterFactory, Func<IReadOnlyList<EventLoop>> startedLoops)
    {
        _startedLoops = startedLoops;
        var meter = meterFactory.Create(MeterName);
        meter.CreateObservableCounter("transport.linux.connections.accepted", () => Each(static counters => counters.Accepted), "{connection}",
            "Connections that the worker has accepted.");
        meter.CreateObservableCounter("transport.linux.connections.closed", () => Each(static counters => counters.Closed), "{connection}",
            "Kestrel's connections that the worker has closed.");
        meter.CreateObservableCounter("transport.linux.connections.detached", () => Each(static counters => counters.Detached), "{connection}",
            "Connections that have left Kestrel with their descriptor, for a relay for example.");
        meter.CreateObservableCounter("transport.linux.bytes", MeasureBytes, "By", "Bytes of Kestrel's connections.");
        meter.CreateObservableUpDownCounter("transport.linux.accept.paused", () => Each(static counters => counters.PausedListeners), "{listener}",
            "Listeners that don't accept at the moment, for want of descriptors or memory.");
        meter.CreateObservableGauge("transport.linux.loop.utilization", MeasureUtilization, "1",
            "Share of the time since the last collection that the worker did not wait for events.");
    }

    private static KeyValuePair<string, object?> Worker(EventLoop loop) => new("worker", loop.Index);

    private IEnumerable<Measurement<long>> Each(Func<LoopCounters, long> read) =>
        _startedLoops().Select(loop => new Measurement<long>(read(loop.Counters), Worker(loop)));

    private IEnumerable<Measurement<long>> MeasureBytes() => _startedLoops().SelectMany(static loop => new Measurement<long>[]
    {
        new(loop.Counters.BytesReceived, Worker(loop), new("direction", "receive")),
        new(loop.Counters.BytesSent, Worker(loop), new("direction", "transmit")),
    });

    private Measurement<double>[] MeasureUtilization()
    {
        var loops = _startedLoops();
        lock (_utilizationLock)
        {
            if (_lastCollections.Length != loops.Count)
            {
                _lastCollections = [.. loops.Select(static loop => (loop.StartedAt, 0L))];
            }

            var measurements = new Measurement<double>[loops.Count];
            for (var i = 0; i < measurements.Length; i++)
            {
                var now = Stopwatch.GetTimestamp();
                var busy = loops[i].Counters.BusyTicks(now);
                var (lastAt, lastBusy) = _lastCollections[i];
                _lastCollections[i] = (now, busy);
                // The loop's clock readings and this one may cross by a moment.
                var share = now > lastAt ? Math.Clamp((double)(busy - lastBusy) / (now - lastAt), 0, 1) : 0;
                measurements[i] = new Measurement<double>(share, Worker(loops[i]));
            }

            return measurements;
        }
    }
}
