using System.Text.Encodings.Web;
using System.Text.Json;

namespace Demo.Gateway.Check;

/// <summary>Routes as JSON. Members are added, never renamed, as long as <c>schema</c> stays.</summary>
internal static class RoutesJson
{
    private const int Schema = 1;

    private static readonly JsonSerializerOptions s_options = new()
    {
        WriteIndented = true,
        // It is read by people and programs, never put into HTML.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Write(IReadOnlyList<EffectiveRoute> routes) => JsonSerializer.Serialize(
        new
        {
            schema = Schema,
            routes = routes.Select(static route => new
            {
                id = route.Id,
                kind = route.Mode is null ? "http" : "tcp",
                mode = route.Mode,
                endpoints = route.Endpoints,
                names = route.Names,
                path = route.Path,
                cluster = route.Cluster,
                loadBalancingPolicy = route.Policy,
                destinations = route.Destinations.Select(static destination => new { id = destination.Id, address = destination.Address }),
                settings = route.Settings.ToDictionary(static setting => setting.Key, static setting => setting.Value),
            }),
        },
        s_options) + "\n";
}
