using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Matching;
using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.Upgrades;

/// <summary>
/// Gives <c>CONNECT</c> requests of routes that allow targets to <see cref="ConnectTunnel"/> instead of YARP, which has no answer to them. The
/// endpoint's metadata stays, so authorization, rate limits and the like are those of the route.
/// </summary>
internal sealed class ConnectPolicy(UpgradeRoutes routes, ConnectTunnel tunnel) : MatcherPolicy, IEndpointSelectorPolicy
{
    private readonly ConditionalWeakTable<Endpoint, Endpoint> _endpoints = [];

    public override int Order => 0;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => endpoints.Any(HasTargets);

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        // The extended form is a WebSocket over HTTP/2 (RFC 8441), which YARP serves.
        if (!HttpMethods.IsConnect(httpContext.Request.Method) || httpContext.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true })
        {
            return Task.CompletedTask;
        }

        for (var i = 0; i < candidates.Count; i++)
        {
            if (candidates.IsValidCandidate(i) && HasTargets(candidates[i].Endpoint))
            {
                candidates.ReplaceEndpoint(i, _endpoints.GetValue(candidates[i].Endpoint, Tunnel), candidates[i].Values);
            }
        }

        return Task.CompletedTask;
    }

    private bool HasTargets(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<RouteModel>() is { } route && routes.Of(route.Config).ConnectTargets.Count > 0;

    private Endpoint Tunnel(Endpoint endpoint) => new(tunnel.InvokeAsync, endpoint.Metadata, endpoint.DisplayName);
}
