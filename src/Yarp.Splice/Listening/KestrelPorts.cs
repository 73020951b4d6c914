using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Listening;

/// <summary>The ports that the server has bound, which are not ours to open.</summary>
internal sealed class KestrelPorts
{
    private readonly List<TcpPort> _ports = [];

    public KestrelPorts(IServer? server)
    {
        foreach (var address in server?.Features.Get<IServerAddressesFeature>()?.Addresses ?? [])
        {
            var binding = BindingAddress.Parse(address);
            if (binding.IsUnixPipe || binding.IsNamedPipe)
            {
                continue;
            }

            if (binding.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
            {
                _ports.Add(new TcpPort(binding.Port, IPAddress.Loopback));
                _ports.Add(new TcpPort(binding.Port, IPAddress.IPv6Loopback));
            }
            else
            {
                // What is neither an address nor localhost, Kestrel binds to all addresses.
                var isAddress = IPAddress.TryParse(binding.Host, out var ip) && !ip.Equals(IPAddress.IPv6Any);
                _ports.Add(new TcpPort(binding.Port, isAddress ? ip : null));
            }
        }
    }

    public bool Serve(TcpPort port) => _ports.Exists(own => own.Overlaps(port));
}
