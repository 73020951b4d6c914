using System.Globalization;

namespace Faults.Tests;

/// <summary>Which faults the tests meet: three seeds, or the one that FAULTS_SEED names.</summary>
internal static class Seeds
{
    public static ulong[] All { get; } =
        Environment.GetEnvironmentVariable("FAULTS_SEED") is { Length: > 0 } seed ? [ulong.Parse(seed, CultureInfo.InvariantCulture)] : [1, 2, 3];
}
