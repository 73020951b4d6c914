using System.Text.Json;
using System.Text.Json.Nodes;

namespace Demo.Gateway.Tests.Documents;

/// <summary>
/// Makes a whole configuration of a JSON block of a page. A block in braces is one already. Otherwise its members are sections, <c>Routes</c> and
/// <c>Clusters</c>, or single routes and clusters, and get what is missing around them.
/// </summary>
internal static class ConfigurationSample
{
    private static readonly string[] s_sections =
    [
        "Admin", "AccessLog", "Kestrel", "LinuxTransport", "Logging", "ReverseProxy", "ShutdownDelay", "ShutdownTimeout", "StaticFiles", "Telemetry", "User",
    ];

    public static JsonObject Complete(string block)
    {
        var isWhole = block.TrimStart().StartsWith('{');
        var members = JsonNode.Parse(isWhole ? block : $"{{{block}}}", documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false })!.AsObject();
        if (isWhole)
        {
            return members;
        }

        var isOfSections = members.All(static member => s_sections.Contains(member.Key));
        var sample = isOfSections ? members : new JsonObject { ["ReverseProxy"] = IsOfProxy(members) ? members : SortOut(members) };
        var proxy = Child(sample, "ReverseProxy");
        var (routes, clusters) = (Child(proxy, "Routes"), Child(proxy, "Clusters"));
        foreach (var (_, route) in routes)
        {
            if (route!["ClusterId"]?.GetValue<string>() is { } cluster && !clusters.ContainsKey(cluster))
            {
                clusters[cluster] = AnyCluster();
            }
        }

        if (routes.Count == 0)
        {
            routes["any"] = new JsonObject { ["ClusterId"] = "any", ["Match"] = new JsonObject { ["Path"] = "/" } };
            clusters["any"] = AnyCluster();
        }

        return sample;
    }

    private static bool IsOfProxy(JsonObject members) => members.All(static member => member.Key is "Routes" or "Clusters");

    private static JsonObject SortOut(JsonObject members)
    {
        var (routes, clusters) = (new JsonObject(), new JsonObject());
        foreach (var (name, member) in members.ToArray())
        {
            members.Remove(name);
            (member!["Destinations"] is null ? routes : clusters)[name] = member;
        }

        return new JsonObject { ["Routes"] = routes, ["Clusters"] = clusters };
    }

    private static JsonObject Child(JsonObject parent, string name)
    {
        if (parent[name] is not JsonObject child)
        {
            parent[name] = child = [];
        }

        return child;
    }

    private static JsonObject AnyCluster() =>
        new() { ["Destinations"] = new JsonObject { ["a"] = new JsonObject { ["Address"] = "http://127.0.0.1:1" } } };
}
