namespace Yarp.Splice.Tests.Sockmap;

/// <summary>A theory that is skipped, with the reason, where eBPF programs can't be loaded.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RequiresBpfTheoryAttribute : TheoryAttribute
{
    public RequiresBpfTheoryAttribute() => Skip = RequiresBpfFactAttribute.MissingReason();
}
