using System.Text.RegularExpressions;
using Demo.Gateway.Hosting;

namespace Demo.Gateway.Check;

/// <summary>
/// Finds the key that a message is about. Our own messages begin with it, those about routes and clusters with the id; YARP's and Kestrel's only
/// name the id and the value somewhere.
/// </summary>
internal sealed partial class KeyLocator(FlatConfiguration configuration)
{
    private const string Routes = $"{GatewayProxy.SectionName}:Routes";
    private const string Clusters = $"{GatewayProxy.SectionName}:Clusters";

    /// <param name="message">One mistake.</param>
    /// <param name="scope">The key at or below which it must be, if that is known.</param>
    /// <returns><see langword="null"/> if the message does not tell.</returns>
    public string? Find(string message, string? scope = null)
    {
        if (scope is null && Path().Match(message) is { Success: true } path)
        {
            var named = path.Groups["path"].Value;
            // "Section: unknown key 'Key', …" is how the binder says it.
            return Unknown().Match(message) is { Success: true } unknown ? Existing($"{named}:{unknown.Groups["key"].Value}") ?? Existing(named) : Existing(named);
        }

        if (scope is null && Subject().Match(message) is { Success: true } subject)
        {
            var rest = message[subject.Length..];
            scope = $"{(subject.Groups["kind"].Value == "Route" ? Routes : Clusters)}:{subject.Groups["id"].Value}";
            if (OfDestination().Match(rest) is { Success: true } destination)
            {
                var cluster = destination.Groups["cluster"].Success ? $"{Clusters}:{destination.Groups["cluster"].Value}" : scope;
                scope = $"{cluster}:Destinations:{destination.Groups["id"].Value}";
            }
            else if (OfCluster().Match(rest) is { Success: true } ofCluster)
            {
                scope = $"{Clusters}:{ofCluster.Groups["cluster"].Value}";
            }

            return Key().Match(rest) is { Success: true } key && Existing($"{scope}:{key.Value}") is { } found
                ? FindValue(message, found) ?? found
                : FindValue(message, scope) ?? Existing(scope);
        }

        scope ??= FindScope(message);
        return scope is null ? null : FindValue(message, scope) ?? Existing(scope);
    }

    /// <summary>All keys at or below a key whose value a message quotes.</summary>
    public IEnumerable<string> QuotedIn(string message, string scope)
    {
        var quoted = Quoted().Matches(message).Select(static match => match.Groups["text"].Value).ToHashSet(StringComparer.Ordinal);
        return configuration.Values.Where(pair => pair.Value is not null && quoted.Contains(pair.Value) && FlatConfiguration.IsAtOrBelow(pair.Key, scope))
            .Select(static pair => pair.Key);
    }

    private string? FindValue(string message, string scope) => QuotedIn(message, scope).Order(StringComparer.OrdinalIgnoreCase).FirstOrDefault();

    private string? FindScope(string message)
    {
        foreach (Match match in Named().Matches(message))
        {
            var kind = match.Groups["kind"].Value.Equals("route", StringComparison.OrdinalIgnoreCase) ? Routes : Clusters;
            if (Existing($"{kind}:{match.Groups["id"].Value}") is { } found)
            {
                return found;
            }
        }

        return null;
    }

    /// <summary>The key as the configuration spells it.</summary>
    private string? Existing(string key) => configuration.Values.Where(pair => pair.Key.Equals(key, StringComparison.OrdinalIgnoreCase)).Select(static pair => pair.Key).FirstOrDefault();

    [GeneratedRegex(@"^(?<path>[A-Za-z_][\w.]*(:[^\s:;,]+)*)(: | is )")]
    private static partial Regex Path();

    [GeneratedRegex(@"^[\w:.]+: unknown key '(?<key>[^']+)'")]
    private static partial Regex Unknown();

    [GeneratedRegex(@"^(?<kind>Route|Cluster) '(?<id>[^']*)': ")]
    private static partial Regex Subject();

    [GeneratedRegex(@"^\w+(:[\w.]+)*")]
    private static partial Regex Key();

    [GeneratedRegex(@"^[\w:.]+ of destination '(?<id>[^']*)'( of cluster '(?<cluster>[^']*)')?")]
    private static partial Regex OfDestination();

    [GeneratedRegex(@"^[\w:.]+ of cluster '(?<cluster>[^']*)'")]
    private static partial Regex OfCluster();

    [GeneratedRegex(@"\b(?<kind>route|cluster) '(?<id>[^']*)'", RegexOptions.IgnoreCase)]
    private static partial Regex Named();

    [GeneratedRegex(@"['""`](?<text>[^'""`]*)['""`]")]
    private static partial Regex Quoted();
}
