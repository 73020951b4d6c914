using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Yarp.Splice.Configuration;
using Yarp.Splice.Sources;

namespace Yarp.Splice.Kestrel;

/// <summary>
/// Whose connections to a Kestrel endpoint begin with a PROXY protocol header: the key <c>AcceptProxyProtocol</c> of an endpoint's section, which Kestrel
/// leaves alone, or <see cref="Microsoft.AspNetCore.Hosting.ListenOptionsProxyProtocolExtensions.AcceptProxyProtocol"/>.
/// </summary>
internal static class EndpointProxies
{
    public const string Key = "AcceptProxyProtocol";

    private const string ConfigurationType = "Microsoft.AspNetCore.Server.Kestrel.Core.Internal.EndpointConfig, Microsoft.AspNetCore.Server.Kestrel.Core";

    private static readonly ConditionalWeakTable<ListenOptions, AddressSet> s_setInCode = [];

    public static void Set(ListenOptions endpoint, AddressSet proxies) => s_setInCode.AddOrUpdate(endpoint, proxies);

    /// <summary><see langword="null"/> if the endpoint does not say.</summary>
    /// <exception cref="SpliceConfigurationException">What it says cannot be used.</exception>
    public static AddressSet? Of(ListenOptions endpoint)
    {
        if (s_setInCode.TryGetValue(endpoint, out var proxies))
        {
            return proxies;
        }

        if (ConfigurationOf(endpoint) is not { } configuration || SectionOf(configuration).GetSection(Key) is not { } setting || !setting.Exists())
        {
            return null;
        }

        var mistakes = new List<string>();
        var subject = $"Endpoint '{SectionOf(configuration).Key}': {Key}";
        if (endpoint.IPEndPoint is null)
        {
            mistakes.Add($"{subject} is set, but the endpoint is {endpoint}, whose clients have no address to be trusted by; accepted is an endpoint with an IP address.");
        }
        else if (ListSetting.TextOf(setting) is { } text)
        {
            proxies = AddressList.ReadProxies(text, subject, mistakes);
        }
        else
        {
            mistakes.Add($"{subject} is not a list; accepted is {AddressList.AcceptedProxies}.");
        }

        return mistakes.Count == 0 ? proxies : throw new SpliceConfigurationException(mistakes);
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_EndpointConfig")]
    [return: UnsafeAccessorType(ConfigurationType)]
    private static extern object? ConfigurationOf(ListenOptions endpoint);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_ConfigSection")]
    private static extern IConfigurationSection SectionOf([UnsafeAccessorType(ConfigurationType)] object configuration);
}
