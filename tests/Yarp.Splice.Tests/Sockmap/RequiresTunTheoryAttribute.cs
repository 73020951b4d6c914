namespace Yarp.Splice.Tests.Sockmap;

/// <summary>A theory that is skipped, with the reason, where there is no TUN device, no <c>ip</c>, or eBPF programs can't be loaded.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RequiresTunTheoryAttribute : TheoryAttribute
{
    public RequiresTunTheoryAttribute() => Skip = File.Exists(TunPeer.Device)
        ? new RequiresBpfTheoryAttribute().Skip ?? Programs.MissingReason(["ip"])
        : $"there is no {TunPeer.Device}";
}
