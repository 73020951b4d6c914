using System.Collections.Frozen;

namespace Yarp.Splice.Routing;

/// <summary>The routes of one name on one port: at most one for each application protocol, and one for all others. Immutable.</summary>
internal sealed class RoutesByProtocol
{
    private readonly FrozenDictionary<string, TcpRoute> _byProtocol;
    private readonly TcpRoute? _rest;

    public RoutesByProtocol(IEnumerable<TcpRoute> routes)
    {
        var all = routes.ToArray();
        _byProtocol = all
            .SelectMany(static route => route.Alpn?.Names.Select(protocol => (protocol, route)) ?? [])
            .ToFrozenDictionary(static pair => pair.protocol, static pair => pair.route, StringComparer.Ordinal);
        _rest = Array.Find(all, static route => route.Alpn is null);
    }

    /// <summary>The route for the first of the client's protocols that has one, in the client's order; else the one for all others.</summary>
    public TcpRoute? Find(IReadOnlyList<string>? protocols)
    {
        if (_byProtocol.Count > 0 && protocols is not null)
        {
            foreach (var protocol in protocols)
            {
                if (_byProtocol.TryGetValue(protocol, out var route))
                {
                    return route;
                }
            }
        }

        return _rest;
    }
}
