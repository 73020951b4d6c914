using Xunit;

namespace Testing;

/// <summary>A theory that is skipped, with the reason, where the eBPF programs of mode Sockmap can't be loaded.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresBpfTheoryAttribute : TheoryAttribute
{
    public RequiresBpfTheoryAttribute() => Skip = RequiresBpfFactAttribute.MissingReason();
}
