using Xunit;

namespace Testing;

/// <summary>A theory that is skipped, with the reason, where one of the programs is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresProgramTheoryAttribute : TheoryAttribute
{
    public RequiresProgramTheoryAttribute(params string[] programs)
    {
        Programs = programs;
        Skip = Testing.Programs.MissingReason(programs);
    }

    public IReadOnlyList<string> Programs { get; }
}
