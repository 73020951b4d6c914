using System.Globalization;
using Yarp.Splice;

namespace Faults.Tests;

/// <summary>Which faults the tests meet: three seeds, or the one that FAULTS_SEED names.</summary>
internal static class Seeds
{
    public static ulong[] All { get; } =
        Environment.GetEnvironmentVariable("FAULTS_SEED") is { Length: > 0 } seed ? [ulong.Parse(seed, CultureInfo.InvariantCulture)] : [1, 2, 3];

    /// <summary>Each seed with each mode.</summary>
    public static TheoryData<SpliceMode, ulong> WithModes()
    {
        var data = new TheoryData<SpliceMode, ulong>();
        foreach (var mode in Enum.GetValues<SpliceMode>())
        {
            foreach (var seed in All)
            {
                data.Add(mode, seed);
            }
        }

        return data;
    }
}
