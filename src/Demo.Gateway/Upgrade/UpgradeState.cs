using System.Diagnostics.Metrics;
using Demo.Gateway.Metrics;

namespace Demo.Gateway.Upgrade;

/// <summary>Which instance was here before this one, and which one comes after it: for the admin endpoint and the metrics. Thread-safe.</summary>
internal sealed class UpgradeState
{
    private volatile Step? _tookOver;
    private volatile Step? _handedOver;
    private volatile bool _predecessorDrains;

    public UpgradeState(IMeterFactory factory)
    {
        var meter = factory.Create(GatewayMetrics.MeterName);
        meter.CreateObservableGauge("gateway.upgrade.handed_over", () => HasHandedOver ? 1 : 0, "{gateway}",
            "Whether another instance has taken over and this one only ends what is in flight: 1 or 0.");
        meter.CreateObservableGauge("gateway.upgrade.predecessors", () => _predecessorDrains ? 1 : 0, "{gateway}",
            "Instances that this one has taken over from and that still end what is in flight.");
    }

    public bool HasTakenOver => _tookOver is not null;

    public bool HasHandedOver => _handedOver is not null;

    public object Describe() => new
    {
        tookOverFrom = _tookOver?.ProcessId,
        tookOverAt = _tookOver?.At,
        predecessorDrains = _predecessorDrains,
        handedOverTo = _handedOver?.ProcessId,
        drainingSince = _handedOver?.At,
    };

    public void TookOver(int processId)
    {
        _tookOver = new Step(processId, DateTimeOffset.UtcNow);
        _predecessorDrains = true;
    }

    public void PredecessorEnded() => _predecessorDrains = false;

    public void HandedOver(int processId) => _handedOver = new Step(processId, DateTimeOffset.UtcNow);

    private sealed record Step(int ProcessId, DateTimeOffset At);
}
