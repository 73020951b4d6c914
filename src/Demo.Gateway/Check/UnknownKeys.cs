using Demo.Gateway.CommandLine;
using Demo.Gateway.Hosting;
using Yarp.ReverseProxy.Configuration;

namespace Demo.Gateway.Check;

/// <summary>Finds keys in files that nobody reads, where the start would not say so.</summary>
internal static class UnknownKeys
{
    private static readonly KeyNode s_certificate = KeyNode.Named("Path", "KeyPath", "Password", "Subject", "Store", "Location", "AllowInvalid");

    // https://learn.microsoft.com/aspnet/core/fundamentals/servers/kestrel/endpoints: what KestrelConfigurationLoader reads.
    private static readonly KeyNode s_serverName = KeyNode.Named("Protocols", "SslProtocols", "ClientCertificateMode").With(("Certificate", s_certificate));

    private static readonly KeyNode s_kestrel = KeyNode.Of([]).With(
        ("Endpoints", KeyNode.ListOf(s_serverName.With(("Url", KeyNode.Leaf), ("Sni", KeyNode.ListOf(s_serverName))))),
        ("EndpointDefaults", KeyNode.Named("Protocols", "SslProtocols", "ClientCertificateMode")),
        ("Certificates", KeyNode.ListOf(s_certificate)));

    // Unknown keys of a route, of its Splice section and of the gateway's own sections are mistakes, which the start finds.
    private static readonly KeyNode s_root = KeyNode.Of(KnownSettings.Names.Concat(KnownSettings.Sections).Select(static name => KeyValuePair.Create(name, KeyNode.Anything)))
        .With(
            ("Kestrel", s_kestrel),
            (GatewayProxy.SectionName, KeyNode.Of([]).With(
                ("Routes", KeyNode.ListOf(new KeyNode(KeyNode.Of(typeof(RouteConfig)).Children, KeyNode.Anything))),
                ("Clusters", KeyNode.ListOf(KeyNode.Of(typeof(ClusterConfig)))))));

    public static IEnumerable<(string Key, string Text)> Find(IEnumerable<string> keys)
    {
        foreach (var key in keys)
        {
            var node = s_root;
            var names = key.Split(':');
            for (var i = 0; i < names.Length && !node.IsOpen; i++)
            {
                if ((node.Children.GetValueOrDefault(names[i]) ?? node.Each) is { } next)
                {
                    node = next;
                    continue;
                }

                // What is below an unknown key is not said again. A list of one value may also be written as a list.
                if (i == names.Length - 1 && node.Children.Count > 0)
                {
                    yield return (key, Describe(names[i], node.Children.Keys));
                }

                break;
            }
        }
    }

    private static string Describe(string name, IEnumerable<string> known) =>
        ClosestName.Find(name, known) is { } closest
            ? $"unknown key; nobody reads it. Did you mean {closest}?"
            : $"unknown key; nobody reads it. Known here are {string.Join(", ", known.Order(StringComparer.Ordinal))}.";
}
