using System.Collections.Frozen;

namespace Yarp.Splice.Routing;

/// <summary>The routes of one port: by exact name, by wildcard, and the one for everything else. Immutable.</summary>
internal sealed class TcpPortRoutes
{
    private readonly FrozenDictionary<string, TcpRoute> _exact;
    private readonly FrozenDictionary<string, TcpRoute>.AlternateLookup<ReadOnlySpan<char>> _wildcards;
    private readonly TcpRoute? _any;

    public TcpPortRoutes(TcpPort port, IReadOnlyList<TcpRoute> routes)
    {
        Port = port;
        Routes = routes;
        var named = routes.Where(static route => !route.ServerName.IsAny).ToArray();
        _exact = ByName(named.Where(static route => !route.ServerName.IsWildcard));
        _wildcards = ByName(named.Where(static route => route.ServerName.IsWildcard)).GetAlternateLookup<ReadOnlySpan<char>>();
        _any = routes.FirstOrDefault(static route => route.ServerName.IsAny);
        NeedsServerName = named.Length > 0;
        PrereadTimeout = NeedsServerName ? named.Max(static route => route.PrereadTimeout) : TimeSpan.Zero;
    }

    public TcpPort Port { get; }

    public IReadOnlyList<TcpRoute> Routes { get; }

    /// <summary>Whether the route depends on what the client sends. If not, nothing may be read first: the server may be the one to speak.</summary>
    public bool NeedsServerName { get; }

    /// <summary>How long a client may take for its ClientHello: the longest that a route with a name allows, as the route is not known yet.</summary>
    public TimeSpan PrereadTimeout { get; }

    /// <summary>The route for a normalised server name, or for a connection without one: the exact name, the longest wildcard, or <c>*</c>.</summary>
    public TcpRoute? Find(string? serverName)
    {
        if (serverName is null)
        {
            return _any;
        }

        if (_exact.TryGetValue(serverName, out var route))
        {
            return route;
        }

        var rest = serverName.AsSpan();
        while (rest.IndexOf('.') is >= 0 and var dot)
        {
            rest = rest[(dot + 1)..];
            if (_wildcards.TryGetValue(rest, out route))
            {
                return route;
            }
        }

        return _any;
    }

    private static FrozenDictionary<string, TcpRoute> ByName(IEnumerable<TcpRoute> routes) =>
        routes.ToFrozenDictionary(static route => route.ServerName.Name, StringComparer.Ordinal);
}
