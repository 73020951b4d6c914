using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.ServiceDiscovery;

namespace Yarp.Splice.Routing;

/// <summary>
/// Stands before the application's resolver, which reads addresses as URIs: Unix sockets and literal TCP addresses have nothing to resolve and stay as
/// they are, and HOST:PORT goes to it as tcp://HOST:PORT.
/// </summary>
internal sealed class TcpDestinationResolver(IDestinationResolver inner) : IDestinationResolver
{
    public async ValueTask<ResolvedDestinationCollection> ResolveDestinationsAsync(
        IReadOnlyDictionary<string, DestinationConfig> destinations, CancellationToken cancellationToken)
    {
        var kept = new Dictionary<string, DestinationConfig>(StringComparer.OrdinalIgnoreCase);
        var names = new Dictionary<string, DestinationConfig>(StringComparer.OrdinalIgnoreCase);
        foreach (var (id, destination) in destinations)
        {
            if (!DestinationAddress.TryParse(destination.Address, out var address, out _) || address.IsHttp)
            {
                names.Add(id, destination);
            }
            else if (address.EndPoint is not null)
            {
                kept.Add(id, destination);
            }
            else
            {
                var isUri = destination.Address.Contains("://", StringComparison.Ordinal);
                names.Add(id, isUri ? destination : destination with { Address = $"tcp://{destination.Address}" });
            }
        }

        if (names.Count == 0)
        {
            return new ResolvedDestinationCollection(kept, null);
        }

        var resolved = await inner.ResolveDestinationsAsync(names, cancellationToken);
        foreach (var (id, destination) in resolved.Destinations)
        {
            kept.Add(id, destination);
        }

        return new ResolvedDestinationCollection(kept, resolved.ChangeToken);
    }
}
