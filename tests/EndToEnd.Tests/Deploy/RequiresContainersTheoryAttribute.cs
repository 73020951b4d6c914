using EndToEnd.Tests.Fixtures;
using Xunit;

namespace EndToEnd.Tests.Deploy;

/// <summary>A theory that builds and runs containers; skipped where their tools are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresContainersTheoryAttribute : TheoryAttribute
{
    public RequiresContainersTheoryAttribute() => Skip = ContainerImage.MissingReason;
}
