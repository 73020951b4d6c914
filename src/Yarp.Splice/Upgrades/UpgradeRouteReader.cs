using Yarp.ReverseProxy.Configuration;
using Yarp.Splice.Configuration;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Upgrades;

/// <summary>Reads what the metadata of an HTTP route says of upgrades and tunnels, and finds all mistakes in it.</summary>
internal static class UpgradeRouteReader
{
    private const string Managed = "Managed";

    /// <summary>The keys that have a meaning once connections of the route are relayed.</summary>
    private static readonly string[] s_relayKeys = [SpliceMetadata.IdleTimeout, SpliceMetadata.HalfCloseTimeout];

    public static string UpgradesValues { get; } = string.Join(", ", Enum.GetNames<SpliceMode>().Prepend(Managed));

    /// <summary>What is returned beside mistakes is not to be used.</summary>
    public static UpgradeRoute Read(RouteConfig route, List<string> mistakes)
    {
        var mode = ReadMode(route, mistakes);
        var targets = ReadTargets(route, mistakes);
        foreach (var key in SpliceMetadata.Keys.Except([SpliceMetadata.Upgrades, SpliceMetadata.Connect]))
        {
            if (SpliceMetadata.Find(route, SpliceMetadata.Prefix + key) is not null)
            {
                CheckMeaning(route, key, hasRelay: mode is not null || targets.Count > 0, hasTunnels: targets.Count > 0, mistakes);
            }
        }

        var tunnels = new TcpRoute { RouteId = route.RouteId, ClusterId = route.ClusterId ?? "", Mode = mode ?? SpliceMode.Auto, Port = 0 };
        tunnels = tunnels with
        {
            ConnectTimeout = TcpRouteReader.ReadTime(route, SpliceMetadata.ConnectTimeout, TcpRouteReader.MaxConnectTimeout, mistakes) ??
                tunnels.ConnectTimeout,
            IdleTimeout = TcpRouteReader.ReadTime(route, SpliceMetadata.IdleTimeout, TcpRouteReader.MaxIdleTimeout, mistakes) ?? tunnels.IdleTimeout,
            HalfCloseTimeout = TcpRouteReader.ReadTime(route, SpliceMetadata.HalfCloseTimeout, TcpRouteReader.MaxIdleTimeout, mistakes) ??
                tunnels.HalfCloseTimeout,
        };
        return new UpgradeRoute(mode is null ? null : tunnels, tunnels, targets);
    }

    private static void CheckMeaning(RouteConfig route, string key, bool hasRelay, bool hasTunnels, List<string> mistakes)
    {
        var subject = $"Route '{route.RouteId}': Splice:{key} is set, but ";
        if (key == SpliceMetadata.ConnectTimeout)
        {
            if (!hasTunnels)
            {
                mistakes.Add($"{subject}neither Mode nor Splice:Connect is; accepted for Mode are {TcpRouteReader.ModeNames}.");
            }
        }
        else if (!s_relayKeys.Contains(key))
        {
            mistakes.Add($"{subject}Mode is not; accepted are {TcpRouteReader.ModeNames}.");
        }
        else if (!hasRelay)
        {
            mistakes.Add($"{subject}neither Mode nor Splice:Upgrades nor Splice:Connect says that connections are relayed; " +
                $"accepted for Mode are {TcpRouteReader.ModeNames}, for Splice:Upgrades {UpgradesValues}.");
        }
    }

    private static SpliceMode? ReadMode(RouteConfig route, List<string> mistakes)
    {
        var text = SpliceMetadata.Find(route, SpliceMetadata.Prefix + SpliceMetadata.Upgrades);
        if (text is null || text.Equals(Managed, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        if (TcpRouteReader.FindByName<SpliceMode>(text) is { } mode)
        {
            return mode;
        }

        TcpRouteReader.AddUnusable(route, SpliceMetadata.Upgrades, text, mistakes);
        return null;
    }

    private static List<ConnectTarget> ReadTargets(RouteConfig route, List<string> mistakes)
    {
        var targets = new List<ConnectTarget>();
        if (SpliceMetadata.Find(route, SpliceMetadata.Prefix + SpliceMetadata.Connect) is not { } text)
        {
            return targets;
        }

        foreach (var entry in ListSetting.Split(text))
        {
            if (ConnectTarget.TryParse(entry, out var target))
            {
                targets.Add(target);
            }
            else
            {
                TcpRouteReader.AddUnusable(route, SpliceMetadata.Connect, entry, mistakes);
            }
        }

        return targets;
    }
}
