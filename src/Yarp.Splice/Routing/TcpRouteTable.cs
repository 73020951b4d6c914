using System.Collections.Frozen;
using System.Net;

namespace Yarp.Splice.Routing;

/// <summary>Which TCP routes have which port. Immutable.</summary>
internal sealed class TcpRouteTable
{
    private readonly FrozenDictionary<int, TcpPortRoutes[]> _byPort;

    /// <param name="routes">The routes; of two that compete the second is left out and reported.</param>
    /// <param name="conflicts">Receives the routes that were left out, and what they lost against.</param>
    public TcpRouteTable(IEnumerable<TcpRoute> routes, ICollection<(TcpRoute LeftOut, TcpRoute Kept)>? conflicts = null)
    {
        var kept = new List<TcpRoute>();
        foreach (var route in routes)
        {
            var rival = kept.Find(other => other.CompetesWith(route));
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
        Ports = [.. kept.GroupBy(TcpPort.Of).Select(static group => new TcpPortRoutes(group.Key, [.. group]))];
        _byPort = Ports.GroupBy(static port => port.Port.Port).ToFrozenDictionary(static group => group.Key, static group => group.ToArray());
    }

    public static TcpRouteTable Empty { get; } = new([]);

    public IReadOnlyList<TcpRoute> Routes { get; }

    public IReadOnlyList<TcpPortRoutes> Ports { get; }

    /// <summary>The routes of a port that was opened for them.</summary>
    public TcpPortRoutes? Find(TcpPort port)
    {
        foreach (var candidate in _byPort.GetValueOrDefault(port.Port) ?? [])
        {
            if (candidate.Port == port)
            {
                return candidate;
            }
        }

        return null;
    }

    /// <summary>The routes of a connection to a local endpoint.</summary>
    public TcpPortRoutes? Find(IPEndPoint local)
    {
        if (!_byPort.TryGetValue(local.Port, out var candidates))
        {
            return null;
        }

        var address = local.Address.IsIPv4MappedToIPv6 ? local.Address.MapToIPv4() : local.Address;
        foreach (var candidate in candidates)
        {
            if (candidate.Port.Contains(address))
            {
                return candidate;
            }
        }

        return null;
    }
}
