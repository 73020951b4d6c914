using System.Net;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;
using Yarp.Splice.Relay;

namespace Yarp.Splice.Routing;

/// <summary>Says in the form of a request what is known of a session, for policies that were written for HTTP.</summary>
internal sealed class SessionContexts(IProxyStateLookup state)
{
    /// <summary>A context with the connection's addresses, the TLS server name as host, and YARP's feature with route, cluster and destinations.</summary>
    public DefaultHttpContext Create(TcpRoute route, ClusterState cluster, ClientFacts client)
    {
        var context = new DefaultHttpContext();
        context.Connection.LocalPort = route.Port;
        if (client.RemoteEndPoint is IPEndPoint remote)
        {
            context.Connection.RemoteIpAddress = remote.Address;
            context.Connection.RemotePort = remote.Port;
        }

        if (client.ServerName is { } serverName)
        {
            context.Request.Host = new HostString(serverName);
        }

        if (state.TryGetRoute(route.RouteId, out var model))
        {
            context.Features.Set<IReverseProxyFeature>(new ReverseProxyFeature
            {
                Route = model,
                Cluster = cluster.Model,
                AllDestinations = cluster.DestinationsState.AllDestinations,
                AvailableDestinations = cluster.DestinationsState.AvailableDestinations,
            });
        }

        return context;
    }
}
