using Transport.Linux.Numa;

namespace Transport.Linux.Tests;

/// <summary>A fact about huge pages on this machine, which must have them and one memory node; skipped without.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresHugePagesFactAttribute : FactAttribute
{
    public RequiresHugePagesFactAttribute() =>
        Skip = HugePages.FindObstacle() ?? (new NumaTopology().Nodes.Length == 1 ? null : "needs a machine with one memory node");
}
