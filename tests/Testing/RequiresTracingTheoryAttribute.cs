using System.Diagnostics;
using Xunit;

namespace Testing;

/// <summary>A theory that lets strace fail system calls; skipped where it is not installed, or ptrace(2) is forbidden as in some containers.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresTracingTheoryAttribute : TheoryAttribute
{
    private static readonly Lazy<string?> s_obstacle = new(FindObstacle);

    public RequiresTracingTheoryAttribute() => Skip = s_obstacle.Value;

    private static string? FindObstacle()
    {
        if (Programs.MissingReason(["strace"]) is { } missing)
        {
            return missing;
        }

        using var trial = Process.Start(new ProcessStartInfo("strace", ["-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "true"])
        {
            RedirectStandardError = true,
        })!;
        var error = trial.StandardError.ReadToEnd();
        trial.WaitForExit();
        return trial.ExitCode == 0 ? null : $"strace cannot trace here: {error.Trim()}";
    }
}
