using System.Globalization;
using Yarp.ReverseProxy.Configuration;

namespace Yarp.Splice.Limits;

/// <summary>Reads how many sessions a destination may have at once, from its metadata.</summary>
internal static class DestinationLimit
{
    public const string Metadata = "Splice.MaxConnections";

    /// <param name="destination">The destination.</param>
    /// <param name="limit">The limit; <see langword="null"/> without one.</param>
    /// <param name="error">Continues a sentence that names the destination: the value and what would be accepted.</param>
    public static bool TryRead(DestinationConfig destination, out int? limit, out string? error)
    {
        (limit, error) = (null, null);
        var text = destination.Metadata?.FirstOrDefault(static entry => entry.Key.Equals(Metadata, StringComparison.OrdinalIgnoreCase)).Value;
        if (text is null)
        {
            return true;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= 1)
        {
            limit = value;
            return true;
        }

        error = $"is '{text}'; accepted is a number from 1 on.";
        return false;
    }
}
