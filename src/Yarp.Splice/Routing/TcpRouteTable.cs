using System.Collections.Frozen;
using System.Net;

namespace Yarp.Splice.Routing;

/// <summary>Which TCP route has which port. Immutable.</summary>
internal sealed class TcpRouteTable
{
    private readonly FrozenDictionary<int, TcpRoute[]> _byPort;

    /// <param name="routes">The routes; of two that overlap the second is left out and reported.</param>
    /// <param name="conflicts">Receives the routes that were left out, and what they lost against.</param>
    public TcpRouteTable(IEnumerable<TcpRoute> routes, ICollection<(TcpRoute LeftOut, TcpRoute Kept)>? conflicts = null)
    {
        var kept = new List<TcpRoute>();
        foreach (var route in routes)
        {
            var rival = kept.Find(other => TcpPort.Of(other).Overlaps(TcpPort.Of(route)));
            if (rival is null)
            {
                kept.Add(route);
            }
            else
            {
                conflicts?.Add((route, rival));
            }
        }

        Routes = kept;
        _byPort = kept.GroupBy(static route => route.Port).ToFrozenDictionary(static group => group.Key, static group => group.ToArray());
    }

    public static TcpRouteTable Empty { get; } = new([]);

    public IReadOnlyList<TcpRoute> Routes { get; }

    /// <summary>The route of a port that was opened for it.</summary>
    public TcpRoute? Find(TcpPort port)
    {
        foreach (var route in _byPort.GetValueOrDefault(port.Port) ?? [])
        {
            if (TcpPort.Of(route) == port)
            {
                return route;
            }
        }

        return null;
    }

    /// <summary>The route of a connection to a local endpoint.</summary>
    public TcpRoute? Find(IPEndPoint local)
    {
        if (!_byPort.TryGetValue(local.Port, out var routes))
        {
            return null;
        }

        var address = local.Address.IsIPv4MappedToIPv6 ? local.Address.MapToIPv4() : local.Address;
        foreach (var route in routes)
        {
            if (TcpPort.Of(route).Contains(address))
            {
                return route;
            }
        }

        return null;
    }
}
