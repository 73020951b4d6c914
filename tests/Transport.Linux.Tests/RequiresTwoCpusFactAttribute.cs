using Transport.Linux.Interop;

namespace Transport.Linux.Tests;

/// <summary>A fact about more than one CPU; skipped where the process may use only one.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresTwoCpusFactAttribute : FactAttribute
{
    public RequiresTwoCpusFactAttribute() => Skip = SchedulerCalls.AllowedCpus().Length < 2 ? "needs two CPUs" : null;
}
