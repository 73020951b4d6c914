using System.Globalization;

namespace Transport.Linux.Tests;

/// <summary>A theory that sets what only CAP_NET_ADMIN may set (capabilities(7)); skipped without it.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresNetAdminTheoryAttribute : TheoryAttribute
{
    private const int NetAdmin = 12;

    public RequiresNetAdminTheoryAttribute()
    {
        const string Label = "CapEff:";
        var line = File.ReadLines("/proc/self/status").Single(static line => line.StartsWith(Label, StringComparison.Ordinal));
        var capabilities = ulong.Parse(line.AsSpan(Label.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        if ((capabilities & (1ul << NetAdmin)) == 0)
        {
            Skip = "needs CAP_NET_ADMIN";
        }
    }
}
