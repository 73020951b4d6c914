namespace Yarp.Splice.Tests.Relay;

/// <summary>A theory that is skipped, with the reason, where there is no Multipath TCP, or eBPF programs can't be loaded.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RequiresMultipathTheoryAttribute : TheoryAttribute
{
    public RequiresMultipathTheoryAttribute() => Skip = new RequiresBpfTheoryAttribute().Skip ?? Multipath.MissingReason();
}
