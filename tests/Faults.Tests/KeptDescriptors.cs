namespace Faults.Tests;

/// <summary>
/// What a test may leave open although nothing leaks: up to 128 idle pipes of two descriptors for each of two event loops, what is read below /proc
/// at the moment, and the assemblies that it was the first to need.
/// </summary>
internal static class KeptDescriptors
{
    public static IReadOnlyDictionary<string, int> ByKind { get; } = new Dictionary<string, int>
    {
        ["pipe"] = 2 * 2 * 128,
        ["file"] = 4,
        [OpenDescriptors.Assembly] = int.MaxValue / 2,
    };
}
