using Xunit.Sdk;

namespace EndToEnd.Tests.Fixtures;

/// <summary>
/// The last assertion of this process that failed. A check that fails at the disposal of a test's things would take its place, and can name it so.
/// </summary>
internal static class FailedAssertion
{
    private static (long When, XunitException Exception)? s_last;

    static FailedAssertion() => AppDomain.CurrentDomain.FirstChanceException += static (_, raised) =>
    {
        if (raised.Exception is XunitException exception)
        {
            s_last = (Now, exception);
        }
    };

    /// <summary>In milliseconds. Only what fails after somebody has asked for it is remembered.</summary>
    public static long Now => Environment.TickCount64;

    public static XunitException? Since(long when) => s_last is { } last && last.When >= when ? last.Exception : null;
}
