using System.Diagnostics;
using System.Diagnostics.Metrics;
using Transport.Linux.Numa;

namespace Transport.Linux.Metrics;

/// <summary>The meter <c>Transport.Linux</c>: reads the loops' counters when somebody collects, and costs nothing until then.</summary>
internal sealed class TransportMetrics
{
    public const string MeterName = "Transport.Linux";

    private readonly Func<IReadOnlyList<EventLoop>> _startedLoops;
    private readonly NodeMemory _nodeMemory;
    private readonly Lock _utilizationLock = new();
    private (long At, long Busy)[] _lastCollections = [];

    /// <param name="meterFactory">Makes the meter.</param>
    /// <param name="startedLoops">The loops, or none while they aren't started: a collection must not start them.</param>
    /// <param name="nodeMemory">Where the loops' buffers come from.</param>
    public TransportMetrics(IMeterFactory meterFactory, Func<IReadOnlyList<EventLoop>> startedLoops, NodeMemory nodeMemory)
    {
        _startedLoops = startedLoops;
        _nodeMemory = nodeMemory;
        var meter = meterFactory.Create(MeterName);
        meter.CreateObservableCounter("transport.linux.connections.accepted", () => Each(static loop => loop.Counters.Accepted), "{connection}",
            "Connections that the worker has accepted.");
        meter.CreateObservableCounter("transport.linux.connections.locality", MeasureLocality, "{connection}",
            "Accepted TCP connections by where their packets arrive: on the worker's own memory node, or on another.");
        meter.CreateObservableCounter("transport.linux.connections.closed", () => Each(static loop => loop.Counters.Closed), "{connection}",
            "Kestrel's connections that the worker has closed.");
        meter.CreateObservableCounter("transport.linux.connections.detached", () => Each(static loop => loop.Counters.Detached), "{connection}",
            "Connections that have left Kestrel with their descriptor, for a relay for example.");
        meter.CreateObservableCounter("transport.linux.connections.send_timeouts", () => Each(static loop => loop.Counters.SendTimeouts),
            "{connection}", "Kestrel's connections that were reset because their peer took nothing of what was sent.");
        meter.CreateObservableCounter("transport.linux.bytes", MeasureBytes, "By", "Bytes of Kestrel's connections.");
        meter.CreateObservableCounter("transport.linux.zerocopy.sends", () => Each(static loop => loop.Counters.ZeroCopySends), "{send}",
            "Sends of Kestrel's connections that asked the kernel not to copy.");
        meter.CreateObservableCounter("transport.linux.zerocopy.copied", () => Each(static loop => loop.Counters.ZeroCopyCopied), "{send}",
            "Such sends whose bytes the kernel copied all the same.");
        meter.CreateObservableCounter("transport.linux.sendfile.bytes", () => Each(static loop => loop.Counters.FileBytes), "By",
            "Bytes of Kestrel's connections that were sent from files without passing through the process.");
        meter.CreateObservableCounter("transport.linux.sendfile.waits", () => Each(static loop => loop.Counters.FileWaits), "{wait}",
            "Sends from files that went to the thread pool because they would have waited for a disk.");
        meter.CreateObservableUpDownCounter("transport.linux.connections.active", () => Each(static loop => loop.Counters.ActiveConnections),
            "{connection}", "Kestrel's connections that are open on the worker.");
        meter.CreateObservableUpDownCounter("transport.linux.loop.descriptors", () => Each(static loop => loop.RegisteredDescriptors),
            "{descriptor}", "Descriptors that the worker watches: connections, both sides of relays, and listeners.");
        meter.CreateObservableUpDownCounter("transport.linux.accept.queue.length", () => Each(static loop => loop.AcceptQueues.Read().Length),
            "{connection}", "Connections that wait in the kernel for the worker to accept them.");
        meter.CreateObservableUpDownCounter("transport.linux.accept.queue.limit", () => Each(static loop => loop.AcceptQueues.Read().Limit),
            "{connection}", "Room in the worker's accept queues.");
        meter.CreateObservableUpDownCounter("transport.linux.accept.paused", () => Each(static loop => loop.Counters.PausedListeners), "{listener}",
            "Listeners that don't accept at the moment, for want of descriptors or memory.");
        meter.CreateObservableCounter("transport.linux.loop.relieved", () => Each(static loop => loop.Counters.Relieved), "{takeover}",
            "How often another thread has taken the worker over from application code that kept it.");
        meter.CreateObservableGauge("transport.linux.loop.utilization", MeasureUtilization, "1",
            "Share of the time since the last collection that the worker did not wait for events.");
        meter.CreateObservableCounter("transport.linux.loop.busy", MeasureBusyTime, "s",
            "Time that the worker did not wait for events; its rate is the utilization, whoever else collects.");
        meter.CreateObservableCounter("transport.linux.loop.rounds", () => Each(static loop => loop.Counters.Rounds), "{round}",
            "Rounds of events that the worker has run.");
        meter.CreateObservableGauge("transport.linux.loop.round.max", MeasureLongestRound, "s",
            "The longest round of events since the last collection, and so the longest that a ready event may have waited.");
        meter.CreateObservableUpDownCounter("transport.linux.pool.size", () => EachNode(static pool => pool.MappedBytes), "By",
            "Buffers that are mapped on the memory node.");
        meter.CreateObservableUpDownCounter("transport.linux.pool.used", () => EachNode(static pool => pool.RentedBytes), "By",
            "Buffers of the memory node that are in use.");
    }

    private static KeyValuePair<string, object?> Worker(EventLoop loop) => new("worker", loop.Index);

    private IEnumerable<Measurement<long>> Each(Func<EventLoop, long> read) =>
        _startedLoops().Select(loop => new Measurement<long>(read(loop), Worker(loop)));

    private IEnumerable<Measurement<long>> EachNode(Func<NodeMemoryPool, long> read) => _nodeMemory.Pools.GroupBy(static pool => pool.Node)
        .Select(node => new Measurement<long>(node.Sum(read), new KeyValuePair<string, object?>("node", node.Key)));

    private IEnumerable<Measurement<double>> MeasureBusyTime() => _startedLoops().Select(static loop =>
        new Measurement<double>((double)loop.Counters.BusyTicks(Stopwatch.GetTimestamp()) / Stopwatch.Frequency, Worker(loop)));

    private IEnumerable<Measurement<double>> MeasureLongestRound() => _startedLoops().Select(static loop =>
    {
        var ticks = loop.Counters.TakeLongestRound(Stopwatch.GetTimestamp());
        return new Measurement<double>((double)ticks / Stopwatch.Frequency, Worker(loop));
    });

    private IEnumerable<Measurement<long>> MeasureBytes() => _startedLoops().SelectMany(static loop => new Measurement<long>[]
    {
        new(loop.Counters.BytesReceived, Worker(loop), new("direction", "receive")),
        new(loop.Counters.BytesSent, Worker(loop), new("direction", "transmit")),
    });

    private IEnumerable<Measurement<long>> MeasureLocality() => _startedLoops().Where(static loop => loop.Locality is not null)
        .SelectMany(static loop => new Measurement<long>[]
        {
            new(loop.Counters.AcceptedLocal, Worker(loop), new("locality", "local")),
            new(loop.Counters.AcceptedRemote, Worker(loop), new("locality", "remote")),
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
