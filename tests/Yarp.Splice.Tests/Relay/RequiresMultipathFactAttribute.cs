namespace Yarp.Splice.Tests.Relay;

/// <summary>A fact that is skipped, with the reason, where there is no Multipath TCP, or eBPF programs can't be loaded.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RequiresMultipathFactAttribute : FactAttribute
{
    public RequiresMultipathFactAttribute() => Skip = new RequiresBpfFactAttribute().Skip ?? Multipath.MissingReason();
}
