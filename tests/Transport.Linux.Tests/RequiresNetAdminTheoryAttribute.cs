namespace Transport.Linux.Tests;

/// <summary>A theory that sets what only CAP_NET_ADMIN may set (capabilities(7)); skipped without it.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresNetAdminTheoryAttribute : TheoryAttribute
{
    private const int NetAdmin = 12;

    public RequiresNetAdminTheoryAttribute() => Skip = ProcessCapabilities.Has(NetAdmin) ? null : "needs CAP_NET_ADMIN";
}
