using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.Splice.Configuration;

namespace Yarp.Splice.Routing;

/// <summary>
/// Lifts a route's <c>Mode</c> and <c>Splice</c> section, which YARP does not read, into its metadata, and finds the top-level keys that
/// nobody reads.
/// </summary>
internal sealed class RouteSectionLifter(IOptions<SpliceOptions> options, IConfiguration? section)
{
    private static readonly string[] s_ownKeys = [SpliceMetadata.ModeKey, SpliceMetadata.SectionKey];

    // Taken from the type, so that a newer YARP's keys are known as soon as it is referenced.
    private static readonly string[] s_yarpKeys = [.. typeof(RouteConfig).GetProperties().Select(static property => property.Name)];

    /// <summary>The same route if nothing is to be lifted.</summary>
    public RouteConfig Lift(RouteConfig route, List<string> mistakes)
    {
        var routeSection = section?.GetSection("Routes").GetSection(route.RouteId);
        if (routeSection is null || !routeSection.Exists())
        {
            return route;
        }

        CheckTopLevelKeys(route, routeSection, mistakes);
        var lifted = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        LiftMode(route, routeSection, lifted, mistakes);
        LiftSplice(route, routeSection, lifted, mistakes);
        if (lifted.Count == 0)
        {
            return route;
        }

        foreach (var (key, value) in route.Metadata ?? new Dictionary<string, string>())
        {
            lifted.TryAdd(key, value);
        }

        return route with { Metadata = lifted };
    }

    private static void LiftMode(RouteConfig route, IConfigurationSection routeSection, Dictionary<string, string> lifted, List<string> mistakes)
    {
        var mode = routeSection.GetSection(SpliceMetadata.ModeKey);
        if (!mode.Exists())
        {
            return;
        }

        if (mode.Value is null)
        {
            mistakes.Add($"Route '{route.RouteId}': Mode is not a text; accepted are {TcpRouteReader.ModeNames}.");
            return;
        }

        Add(route, SpliceMetadata.ModeKey, SpliceMetadata.ModeMetadata, mode.Value, lifted, mistakes);
    }

    private static void LiftSplice(
        RouteConfig route, IConfigurationSection routeSection, Dictionary<string, string> lifted, List<string> mistakes)
    {
        var splice = routeSection.GetSection(SpliceMetadata.SectionKey);
        if (!string.IsNullOrEmpty(splice.Value))
        {
            mistakes.Add($"Route '{route.RouteId}': Splice is '{splice.Value}'; " +
                $"accepted is a section with the keys {string.Join(", ", SpliceMetadata.Keys)}.");
        }

        foreach (var setting in splice.GetChildren())
        {
            var key = SpliceMetadata.Keys.FirstOrDefault(known => known.Equals(setting.Key, StringComparison.OrdinalIgnoreCase));
            if (key is null)
            {
                mistakes.Add($"Route '{route.RouteId}': Splice:{setting.Key} is not a known key; " +
                    $"accepted are {string.Join(", ", SpliceMetadata.Keys)}.");
            }
            else if ((SpliceMetadata.ListKeys.Contains(key) ? ListSetting.TextOf(setting) : setting.Value) is not { } value)
            {
                mistakes.Add($"Route '{route.RouteId}': Splice:{key} is not a {(SpliceMetadata.ListKeys.Contains(key) ? "list" : "single value")}; " +
                    $"accepted is {TcpRouteReader.AcceptedValues(key)}.");
            }
            else
            {
                Add(route, $"{SpliceMetadata.SectionKey}:{key}", SpliceMetadata.Prefix + key, value, lifted, mistakes);
            }
        }
    }

    private static void Add(
        RouteConfig route, string key, string metadataKey, string value, Dictionary<string, string> lifted, List<string> mistakes)
    {
        if (SpliceMetadata.Find(route, metadataKey) is { } present && !present.Equals(value, StringComparison.OrdinalIgnoreCase))
        {
            mistakes.Add($"Route '{route.RouteId}': {key} is '{value}' but Metadata:{metadataKey} is '{present}'; " +
                "accepted is one of them, or the same value in both.");
        }

        lifted[metadataKey] = value;
    }

    private void CheckTopLevelKeys(RouteConfig route, IConfigurationSection routeSection, List<string> mistakes)
    {
        var additional = options.Value.AdditionalRouteKeys;
        foreach (var child in routeSection.GetChildren())
        {
            if (!s_yarpKeys.Concat(s_ownKeys).Concat(additional).Contains(child.Key, StringComparer.OrdinalIgnoreCase))
            {
                var accepted = s_ownKeys.Concat(s_yarpKeys).Concat(additional).Order(StringComparer.Ordinal);
                mistakes.Add($"Route '{route.RouteId}': {child.Key} is not a known key; accepted are {string.Join(", ", accepted)}.");
            }
        }
    }
}
