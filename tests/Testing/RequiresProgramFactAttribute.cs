using Xunit;

namespace Testing;

/// <summary>A fact that is skipped, with the reason, where one of the programs is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresProgramFactAttribute : FactAttribute
{
    public RequiresProgramFactAttribute(params string[] programs)
    {
        Programs = programs;
        Skip = Testing.Programs.MissingReason(programs);
    }

    public IReadOnlyList<string> Programs { get; }
}
