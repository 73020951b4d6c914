using System.Globalization;
using Yarp.ReverseProxy.Configuration;

namespace Yarp.Splice.LoadBalancing;

/// <summary>The weight in a destination's metadata.</summary>
internal static class DestinationWeight
{
    public const string Key = "Weight";

    private const int Default = 1;
    private const int Max = 1000;

    /// <summary>What the metadata says, or the default where it says nothing or nothing usable.</summary>
    public static int Of(DestinationConfig destination) => TryRead(destination, out var weight, out _) ? weight : Default;

    /// <param name="destination">The destination.</param>
    /// <param name="weight">Its weight.</param>
    /// <param name="error">Continues a sentence that names the destination's weight: the value and what would be accepted.</param>
    public static bool TryRead(DestinationConfig destination, out int weight, out string? error)
    {
        weight = Default;
        error = null;
        if (Find(destination) is not { } text ||
            (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out weight) && weight <= Max))
        {
            return true;
        }

        error = $"is '{text}'; accepted is a whole number from 0 (gets nothing new) to {Max}.";
        return false;
    }

    private static string? Find(DestinationConfig destination)
    {
        foreach (var (key, value) in destination.Metadata ?? new Dictionary<string, string>())
        {
            if (key.Equals(Key, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }
        }

        return null;
    }
}
