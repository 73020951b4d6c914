using Yarp.ReverseProxy.Configuration;
using Yarp.Splice.Limits;

namespace Yarp.Splice.Routing;

/// <summary>The keys of a route: top-level in configuration, prefixed in metadata, which is the canonical form.</summary>
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
    public const string DrainTimeout = nameof(TcpRoute.DrainTimeout);
    public const string OnDestinationRemoved = nameof(TcpRoute.OnDestinationRemoved);
    public const string ProxyProtocol = nameof(TcpRoute.ProxyProtocol);
    public const string PauseImmune = nameof(TcpRoute.PauseImmune);
    public const string Listen = nameof(TcpRoute.Listen);
    public const string BindSource = nameof(TcpRoute.BindSource);
    public const string Alpn = nameof(TcpRoute.Alpn);
    public const string AllowedSources = "AllowedSources";
    public const string DeniedSources = "DeniedSources";
    public const string AcceptProxyProtocol = nameof(TcpRoute.AcceptProxyProtocol);
    public const string Upgrades = "Upgrades";
    public const string Connect = "Connect";

    public static IReadOnlyList<string> Keys { get; } =
    [
        ConnectTimeout, ConnectAttempts, IdleTimeout, HalfCloseTimeout, PrereadTimeout, DrainTimeout, OnDestinationRemoved, PauseImmune, ProxyProtocol, Listen,
        BindSource, Alpn, AllowedSources, DeniedSources, AcceptProxyProtocol, Upgrades, Connect,
        .. RouteLimitsReader.Keys, .. SocketOptionsReader.Keys,
    ];

    /// <summary>Those that take a list: an array in configuration, separated by commas in metadata.</summary>
    public static IReadOnlyList<string> ListKeys { get; } = [Alpn, AllowedSources, DeniedSources, AcceptProxyProtocol, Connect];

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
