using Yarp.ReverseProxy.Configuration;
using Yarp.Splice.Configuration;
using Yarp.Splice.Sources;

namespace Yarp.Splice.Routing;

/// <summary>Reads the keys of a route that hold lists.</summary>
internal static class RouteListReader
{
    public const string AcceptedProtocols =
        "a list of protocols as clients offer them (ALPN), each of 1 to 255 visible ASCII characters without a comma, such as h2 or http/1.1";

    private const int MaxProtocol = 255;

    /// <summary><see langword="null"/> if all clients are taken.</summary>
    public static SourceRules? ReadSources(RouteConfig route, List<string> mistakes)
    {
        var rules = new SourceRules(
            Find(route, SpliceMetadata.AllowedSources) is { } allowed ? AddressList.ReadSources(allowed, Subject(route, SpliceMetadata.AllowedSources), mistakes) : null,
            Find(route, SpliceMetadata.DeniedSources) is { } denied ? AddressList.ReadSources(denied, Subject(route, SpliceMetadata.DeniedSources), mistakes) : null);
        return rules is { Allowed: null, Denied: null } ? null : rules;
    }

    public static AddressSet? ReadProxies(RouteConfig route, List<string> mistakes) =>
        Find(route, SpliceMetadata.AcceptProxyProtocol) is { } text
            ? AddressList.ReadProxies(text, Subject(route, SpliceMetadata.AcceptProxyProtocol), mistakes)
            : null;

    public static ApplicationProtocols? ReadProtocols(RouteConfig route, List<string> mistakes)
    {
        if (Find(route, SpliceMetadata.Alpn) is not { } text)
        {
            return null;
        }

        var names = ListSetting.Split(text);
        if (names.Length == 0)
        {
            mistakes.Add($"{Subject(route, SpliceMetadata.Alpn)} is empty; accepted is {AcceptedProtocols}.");
        }

        foreach (var name in names)
        {
            if (name.Length is 0 or > MaxProtocol || name.AsSpan().ContainsAnyExceptInRange('!', '~'))
            {
                mistakes.Add($"{Subject(route, SpliceMetadata.Alpn)} has '{name}'; accepted is {AcceptedProtocols}.");
            }
        }

        return new ApplicationProtocols(names);
    }

    private static string? Find(RouteConfig route, string key) => SpliceMetadata.Find(route, SpliceMetadata.Prefix + key);

    private static string Subject(RouteConfig route, string key) => $"Route '{route.RouteId}': {SpliceMetadata.SectionKey}:{key}";
}
