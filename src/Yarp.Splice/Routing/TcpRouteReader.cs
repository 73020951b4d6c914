using System.Globalization;
using System.Net;
using Yarp.ReverseProxy.Configuration;
using Yarp.Splice.Limits;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Sources;
using Yarp.Splice.Upgrades;

namespace Yarp.Splice.Routing;

/// <summary>Reads a route whose metadata says <c>Splice.Mode</c>, one <see cref="TcpRoute"/> for each of its hosts, and finds all its mistakes.</summary>
internal static class TcpRouteReader
{
    private const int MaxConnectAttempts = 100;

    public static TimeSpan MaxConnectTimeout { get; } = TimeSpan.FromHours(1);

    public static TimeSpan MaxIdleTimeout { get; } = TimeSpan.FromDays(30);

    public static string ModeNames { get; } = string.Join(", ", Enum.GetNames<SpliceMode>());

    /// <summary>What a <c>Splice</c> key takes, in words.</summary>
    public static string AcceptedValues(string key) => key switch
    {
        SpliceMetadata.ConnectTimeout or SpliceMetadata.PrereadTimeout => "a time span above 0 and up to 01:00:00, such as 00:00:05",
        SpliceMetadata.IdleTimeout or SpliceMetadata.HalfCloseTimeout or SpliceMetadata.DrainTimeout => "a time span above 0 and up to 30.00:00:00, such as 00:01:00",
        SpliceMetadata.ConnectAttempts => "a number from 1 to 100",
        SpliceMetadata.PauseImmune => "true or false",
        SpliceMetadata.OnDestinationRemoved => string.Join(", ", Enum.GetNames<SessionFate>()),
        SpliceMetadata.ProxyProtocol => string.Join(", ", Enum.GetNames<ProxyProtocolVersion>()),
        SpliceMetadata.Upgrades => UpgradeRouteReader.UpgradesValues,
        SpliceMetadata.Connect => ConnectTarget.AcceptedForms,
        SpliceMetadata.Listen or SpliceMetadata.BindSource => "an IP address of this machine, such as 127.0.0.1 or ::1",
        SpliceMetadata.Alpn => RouteListReader.AcceptedProtocols,
        SpliceMetadata.AllowedSources or SpliceMetadata.DeniedSources => AddressList.AcceptedSources,
        SpliceMetadata.AcceptProxyProtocol => AddressList.AcceptedProxies,
        _ => RouteLimitsReader.AcceptedValues(key) ?? SocketOptionsReader.AcceptedValues(key) ?? throw new ArgumentOutOfRangeException(nameof(key), key, null),
    };

    /// <summary>The routes of a route; none if it is an HTTP route. What is returned beside mistakes is not to be used to relay.</summary>
    public static IReadOnlyList<TcpRoute> Read(RouteConfig route, List<string> mistakes)
    {
        CheckKeys(route, mistakes);
        if (SpliceMetadata.Find(route, SpliceMetadata.ModeMetadata) is not { } mode)
        {
            _ = UpgradeRouteReader.Read(route, mistakes);
            return [];
        }

        CheckHttpSettings(route, mistakes);
        var common = new TcpRoute
        {
            RouteId = route.RouteId,
            ClusterId = route.ClusterId ?? "",
            Mode = ReadMode(route, mode, mistakes),
            Port = 0,
            Listen = ReadAddress(route, SpliceMetadata.Listen, mistakes),
            BindSource = ReadAddress(route, SpliceMetadata.BindSource, mistakes),
            Limits = RouteLimitsReader.Read(route, mistakes),
            SocketOptions = SocketOptionsReader.Read(route, mistakes),
            ProxyProtocol = ReadWord<ProxyProtocolVersion>(route, SpliceMetadata.ProxyProtocol, mistakes),
            DrainTimeout = ReadTime(route, SpliceMetadata.DrainTimeout, MaxIdleTimeout, mistakes),
            OnDestinationRemoved = ReadWord<SessionFate>(route, SpliceMetadata.OnDestinationRemoved, mistakes),
            Alpn = RouteListReader.ReadProtocols(route, mistakes),
            Sources = RouteListReader.ReadSources(route, mistakes),
            AcceptProxyProtocol = RouteListReader.ReadProxies(route, mistakes),
        };
        common = common with
        {
            PrereadTimeout = ReadTime(route, SpliceMetadata.PrereadTimeout, MaxConnectTimeout, mistakes) ?? common.PrereadTimeout,
            ConnectTimeout = ReadTime(route, SpliceMetadata.ConnectTimeout, MaxConnectTimeout, mistakes) ?? common.ConnectTimeout,
            IdleTimeout = ReadTime(route, SpliceMetadata.IdleTimeout, MaxIdleTimeout, mistakes) ?? common.IdleTimeout,
            HalfCloseTimeout = ReadTime(route, SpliceMetadata.HalfCloseTimeout, MaxIdleTimeout, mistakes) ?? common.HalfCloseTimeout,
            ConnectAttempts = ReadNumber(route, SpliceMetadata.ConnectAttempts, MaxConnectAttempts, mistakes) ?? common.ConnectAttempts,
            PauseImmune = ReadPauseImmune(route, common.Mode, mistakes),
        };
        RouteLimitsReader.CheckRates(route, common.Mode, common.PauseImmune, mistakes);
        return [.. ReadHosts(route, mistakes).Select(host => common with { Port = host.Port, ServerName = host.ServerName })];
    }

    private static bool IsSpliceKey(string key) => key.StartsWith(SpliceMetadata.Prefix, StringComparison.OrdinalIgnoreCase);

    private static void CheckKeys(RouteConfig route, List<string> mistakes)
    {
        foreach (var key in (route.Metadata?.Keys ?? []).Where(IsSpliceKey))
        {
            var name = key[SpliceMetadata.Prefix.Length..];
            if (!SpliceMetadata.Keys.Append(SpliceMetadata.ModeKey).Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                mistakes.Add($"Route '{route.RouteId}': Metadata:{key} is not a known key; accepted are " +
                    $"{string.Join(", ", SpliceMetadata.Keys.Prepend(SpliceMetadata.ModeKey).Select(static known => SpliceMetadata.Prefix + known))}.");
            }
        }
    }

    private static void CheckHttpSettings(RouteConfig route, List<string> mistakes)
    {
        var match = route.Match;
        Refuse("Match:Path", match.Path);
        Refuse("Match:Methods", Join(match.Methods));
        Refuse("Match:Headers", Join(match.Headers?.Select(static header => header.Name)));
        Refuse("Match:QueryParameters", Join(match.QueryParameters?.Select(static parameter => parameter.Name)));
        Refuse("Transforms", Join(route.Transforms?.Select(static transform => string.Join('+', transform.Keys))));
        Refuse("AuthorizationPolicy", route.AuthorizationPolicy);
        Refuse("CorsPolicy", route.CorsPolicy);
        Refuse("RateLimiterPolicy", route.RateLimiterPolicy);
        Refuse("TimeoutPolicy", route.TimeoutPolicy);
        Refuse("Timeout", route.Timeout?.ToString());
        Refuse("Splice:Upgrades", SpliceMetadata.Find(route, SpliceMetadata.Prefix + SpliceMetadata.Upgrades));
        Refuse("Splice:Connect", SpliceMetadata.Find(route, SpliceMetadata.Prefix + SpliceMetadata.Connect));
        Refuse("MaxRequestBodySize", route.MaxRequestBodySize?.ToString(CultureInfo.InvariantCulture));

        static string? Join(IEnumerable<string>? values) => values is null ? null : string.Join(", ", values) is { Length: > 0 } text ? text : null;

        void Refuse(string key, string? value)
        {
            if (value is not null)
            {
                mistakes.Add($"Route '{route.RouteId}': {key} is '{value}', which only an HTTP route can have; " +
                    "accepted beside Mode are ClusterId, Match:Hosts, Splice and Metadata.");
            }
        }
    }

    private static SpliceMode ReadMode(RouteConfig route, string value, List<string> mistakes)
    {
        if (FindByName<SpliceMode>(value) is { } mode)
        {
            return mode;
        }

        mistakes.Add($"Route '{route.RouteId}': Mode is '{value}'; accepted are {ModeNames}.");
        return SpliceMode.Copy;
    }

    private static bool ReadPauseImmune(RouteConfig route, SpliceMode mode, List<string> mistakes)
    {
        if (SpliceMetadata.Find(route, SpliceMetadata.Prefix + SpliceMetadata.PauseImmune) is not { } text)
        {
            return false;
        }

        if (!bool.TryParse(text, out var isWanted))
        {
            AddUnusable(route, SpliceMetadata.PauseImmune, text, mistakes);
        }
        else if (isWanted && mode != SpliceMode.Auto)
        {
            mistakes.Add($"Route '{route.RouteId}': Splice:{SpliceMetadata.PauseImmune} is '{text}', but Mode is '{mode}'; " +
                $"accepted is Mode {SpliceMode.Auto} (with Mode {SpliceMode.Sockmap} every session is immune).");
        }

        return isWanted;
    }

    private static T ReadWord<T>(RouteConfig route, string key, List<string> mistakes)
        where T : struct, Enum
    {
        if (SpliceMetadata.Find(route, SpliceMetadata.Prefix + key) is not { } text)
        {
            return default;
        }

        if (FindByName<T>(text) is { } value)
        {
            return value;
        }

        AddUnusable(route, key, text, mistakes);
        return default;
    }

    /// <summary>Without regard to case. Enum.TryParse would also take numbers and lists.</summary>
    public static T? FindByName<T>(string name)
        where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
        {
            if (value.ToString().Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }
        }

        return null;
    }

    /// <param name="route">The route.</param>
    /// <param name="key">A <c>Splice</c> key.</param>
    /// <param name="max">The longest time accepted.</param>
    /// <param name="mistakes">Receives what is wrong.</param>
    /// <returns><see langword="null"/> if the key is not set, or wrong.</returns>
    public static TimeSpan? ReadTime(RouteConfig route, string key, TimeSpan max, List<string> mistakes)
    {
        if (SpliceMetadata.Find(route, SpliceMetadata.Prefix + key) is not { } text)
        {
            return null;
        }

        // Without a colon, "30" would silently be thirty days.
        if (text.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var value) &&
            value > TimeSpan.Zero && value <= max)
        {
            return value;
        }

        AddUnusable(route, key, text, mistakes);
        return null;
    }

    /// <summary>As <see cref="ReadTime"/>, a whole number.</summary>
    public static int? ReadNumber(RouteConfig route, string key, int max, List<string> mistakes) =>
        (int?)ReadLongNumber(route, key, 1, max, mistakes);

    /// <summary>As <see cref="ReadNumber"/>, from another number than 1 on, or past 2^31.</summary>
    public static long? ReadLongNumber(RouteConfig route, string key, long min, long max, List<string> mistakes)
    {
        if (SpliceMetadata.Find(route, SpliceMetadata.Prefix + key) is not { } text)
        {
            return null;
        }

        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max)
        {
            return value;
        }

        AddUnusable(route, key, text, mistakes);
        return null;
    }

    private static IPAddress? ReadAddress(RouteConfig route, string key, List<string> mistakes)
    {
        if (SpliceMetadata.Find(route, SpliceMetadata.Prefix + key) is not { } text)
        {
            return null;
        }

        // IPAddress.TryParse also takes "5432" and "10.1", which nobody means as an address.
        if (IPAddress.TryParse(text, out var address) && (text.Contains(':', StringComparison.Ordinal) || text.Count('.') == 3))
        {
            return address;
        }

        AddUnusable(route, key, text, mistakes);
        return null;
    }

    public static void AddUnusable(RouteConfig route, string key, string value, List<string> mistakes) =>
        mistakes.Add($"Route '{route.RouteId}': Splice:{key} is '{value}'; accepted is {AcceptedValues(key)}.");

    private static List<(int Port, ServerNamePattern ServerName)> ReadHosts(RouteConfig route, List<string> mistakes)
    {
        const string Accepted = "accepted is '*:PORT', 'NAME:PORT' or '*.NAME:PORT' with a port from 1 to 65535";
        var read = new List<(int Port, ServerNamePattern ServerName)>();
        if (route.Match.Hosts is not { Count: > 0 } hosts)
        {
            mistakes.Add($"Route '{route.RouteId}': Match:Hosts is empty; {Accepted}.");
            return read;
        }

        foreach (var host in hosts)
        {
            var colon = host?.LastIndexOf(':') ?? -1;
            if (colon < 0)
            {
                mistakes.Add($"Route '{route.RouteId}': Match:Hosts has '{host}', which names no port; {Accepted}.");
            }
            else if (!int.TryParse(host.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port is < 1 or > 65535)
            {
                mistakes.Add($"Route '{route.RouteId}': Match:Hosts has '{host}', whose port is out of range; {Accepted}.");
            }
            else if (!ServerNamePattern.TryParse(host![..colon], out var serverName, out var error))
            {
                mistakes.Add($"Route '{route.RouteId}': Match:Hosts has '{host}', whose host part {error}; {Accepted}.");
            }
            else if (read.Contains((port, serverName)))
            {
                mistakes.Add($"Route '{route.RouteId}': Match:Hosts has '{host}' twice; accepted is each name once on a port.");
            }
            else
            {
                read.Add((port, serverName));
            }
        }

        return read;
    }
}
