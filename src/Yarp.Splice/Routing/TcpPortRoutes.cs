using System.Collections.Frozen;
using Yarp.Splice.Sources;

namespace Yarp.Splice.Routing;

/// <summary>The routes of one port: by exact name, by wildcard, and those for everything else. Immutable.</summary>
internal sealed class TcpPortRoutes
{
    private readonly FrozenDictionary<string, RoutesByProtocol> _exact;
    private readonly FrozenDictionary<string, RoutesByProtocol>.AlternateLookup<ReadOnlySpan<char>> _wildcards;
    private readonly RoutesByProtocol _any;

    public TcpPortRoutes(TcpPort port, IReadOnlyList<TcpRoute> routes)
    {
        Port = port;
        Routes = routes;
        _exact = ByName(routes.Where(static route => !route.ServerName.IsAny && !route.ServerName.IsWildcard));
        _wildcards = ByName(routes.Where(static route => !route.ServerName.IsAny && route.ServerName.IsWildcard)).GetAlternateLookup<ReadOnlySpan<char>>();
        _any = new RoutesByProtocol(routes.Where(static route => route.ServerName.IsAny));
        var reading = routes.Where(static route => route.NeedsClientHello).ToArray();
        NeedsClientHello = reading.Length > 0;
        PrereadTimeout = (NeedsClientHello ? reading : routes).Max(static route => route.PrereadTimeout);
        TrustedProxies = routes[0].AcceptProxyProtocol;
    }

    public TcpPort Port { get; }

    public IReadOnlyList<TcpRoute> Routes { get; }

    /// <summary>
    /// Whether the route depends on the client's first bytes. If not, none of them may be waited for, but for a PROXY protocol header: the server may
    /// be the one to speak.
    /// </summary>
    public bool NeedsClientHello { get; }

    /// <summary>
    /// How long a client may take for its PROXY protocol header and its ClientHello together: the longest that a route which looks at the hello
    /// allows, as the route is not known yet.
    /// </summary>
    public TimeSpan PrereadTimeout { get; }

    /// <summary>Whose connections begin with a PROXY protocol header, while others are refused; <see langword="null"/> if there is no header.</summary>
    public AddressSet? TrustedProxies { get; }

    /// <summary>
    /// The route for a normalised server name, or for a connection without one: that of the exact name, the longest wildcard, or <c>*</c>; among
    /// those of a name, the one for a protocol of the client's before the one for all others.
    /// </summary>
    public TcpRoute? Find(string? serverName, IReadOnlyList<string>? protocols = null)
    {
        if (serverName is null)
        {
            return _any.Find(protocols);
        }

        if (_exact.TryGetValue(serverName, out var named) && named.Find(protocols) is { } exact)
        {
            return exact;
        }

        var rest = serverName.AsSpan();
        while (rest.IndexOf('.') is >= 0 and var dot)
        {
            rest = rest[(dot + 1)..];
            if (_wildcards.TryGetValue(rest, out named) && named.Find(protocols) is { } wildcard)
            {
                return wildcard;
            }
        }

        return _any.Find(protocols);
    }

    private static FrozenDictionary<string, RoutesByProtocol> ByName(IEnumerable<TcpRoute> routes) => routes
        .GroupBy(static route => route.ServerName.Name, StringComparer.Ordinal)
        .ToFrozenDictionary(static group => group.Key, static group => new RoutesByProtocol(group), StringComparer.Ordinal);
}
