using Xunit;

namespace Testing;

/// <summary>A theory that makes network namespaces, which needs ip(8) and CAP_SYS_ADMIN (capabilities(7)); skipped without them.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresNetworkNamespacesTheoryAttribute : TheoryAttribute
{
    private const int SysAdmin = 21;

    public RequiresNetworkNamespacesTheoryAttribute() =>
        Skip = Programs.MissingReason(["ip"]) ?? (ProcessCapabilities.Has(SysAdmin) ? null : "needs CAP_SYS_ADMIN");
}
