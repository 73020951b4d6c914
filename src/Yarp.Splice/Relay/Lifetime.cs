namespace Yarp.Splice.Relay;

/// <summary>How long one session of a route with <c>Splice:MaxLifetime</c> may last.</summary>
internal static class Lifetime
{
    /// <summary>Up to a tenth more or less, so that sessions that began together, after a restart say, do not all come back together.</summary>
    public static TimeSpan Pick(TimeSpan maxLifetime) => maxLifetime * (0.9 + (Random.Shared.NextDouble() / 5));
}
