using Yarp.ReverseProxy.Configuration;
using Yarp.Splice.Limits;

namespace Yarp.Splice.Routing;

/// <summary>The keys of a TCP route: top-level in configuration, prefixed in metadata, which is the canonical form.</summary>
internal static class SpliceMetadata
{
    public const string Prefix = "Splice.";
    public const string ModeKey = "Mode";
    public const string SectionKey = "Splice";
    public const string ModeMetadata = Prefix + ModeKey;

    public const string PrereadTimeout = nameof(TcpRoute.PrereadTimeout);
    public const string ConnectTimeout = nameof(TcpRoute.ConnectTimeout);
    public const string ConnectAttempts = nameof(TcpRoute.ConnectAttempts);
    public const string IdleTimeout = nameof(TcpRoute.IdleTimeout);
    public const string HalfCloseTimeout = nameof(TcpRoute.HalfCloseTimeout);
    public const string ProxyProtocol = nameof(TcpRoute.ProxyProtocol);
    public const string PauseImmune = nameof(TcpRoute.PauseImmune);
    public const string Listen = nameof(TcpRoute.Listen);

    public static IReadOnlyList<string> Keys { get; } =
    [
        ConnectTimeout, ConnectAttempts, IdleTimeout, HalfCloseTimeout, PrereadTimeout, PauseImmune, ProxyProtocol, Listen,
        .. RouteLimitsReader.Keys,
    ];

    /// <summary>Whether a route, as YARP holds it after our filter, is a TCP route.</summary>
    public static bool IsTcpRoute(RouteConfig route) => Find(route, ModeMetadata) is not null;

    /// <summary>A metadata value by a key without regard to case, whatever comparer the provider's dictionary has.</summary>
    public static string? Find(RouteConfig route, string key)
    {
        if (route.Metadata is not { } metadata)
        {
            return null;
        }

        if (metadata.TryGetValue(key, out var value))
        {
            return value;
        }

        foreach (var (name, candidate) in metadata)
        {
            if (name.Equals(key, StringComparison.OrdinalIgnoreCase))
            {
                return candidate;
            }
        }

        return null;
    }
}
