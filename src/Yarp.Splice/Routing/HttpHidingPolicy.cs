using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Matching;
using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.Routing;

/// <summary>Keeps TCP routes, which YARP makes HTTP endpoints of like any others, from ever serving an HTTP request.</summary>
internal sealed class HttpHidingPolicy : MatcherPolicy, IEndpointSelectorPolicy
{
    // Before every other policy: a hidden endpoint must not take part in their decisions either.
    public override int Order => int.MinValue;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => endpoints.Any(IsTcpRoute);

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        for (var i = 0; i < candidates.Count; i++)
        {
            if (candidates.IsValidCandidate(i) && IsTcpRoute(candidates[i].Endpoint))
            {
                candidates.SetValidity(i, false);
            }
        }

        return Task.CompletedTask;
    }

    private static bool IsTcpRoute(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<RouteModel>() is { } route && SpliceMetadata.IsTcpRoute(route.Config);
}
