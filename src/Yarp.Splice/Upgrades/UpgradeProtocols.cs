using System.Net;
using System.Net.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Yarp.Splice.Upgrades;

/// <summary>
/// The protocols that clients may upgrade to. YARP itself offers only WebSocket and SPDY to a destination, any others are added here, except
/// for those that carry HTTP requests again: a client that got through with one (<c>h2c</c>) would send requests that no route has seen.
/// </summary>
internal static class UpgradeProtocols
{
    /// <summary>Passes the client's offer on, where YARP has not.</summary>
    public static void Offer(HttpRequest request, HttpRequestMessage outgoing)
    {
        var isHttp11Allowed = outgoing.Version.Major == 1 || outgoing.VersionPolicy == HttpVersionPolicy.RequestVersionOrLower;
        if (outgoing.Method == HttpMethod.Connect || outgoing.Headers.Upgrade.Count > 0 || !isHttp11Allowed)
        {
            return;
        }

        var protocols = request.Headers.GetCommaSeparatedValues(HeaderNames.Upgrade).Where(static protocol => !CarriesHttp(protocol)).ToArray();
        if (protocols.Length == 0)
        {
            return;
        }

        outgoing.Version = HttpVersion.Version11;
        outgoing.VersionPolicy = HttpVersionPolicy.RequestVersionOrLower;
        outgoing.Headers.TryAddWithoutValidation(HeaderNames.Connection, HeaderNames.Upgrade);
        outgoing.Headers.TryAddWithoutValidation(HeaderNames.Upgrade, protocols);
    }

    private static bool CarriesHttp(string protocol)
    {
        var name = protocol.AsSpan();
        var slash = name.IndexOf('/');
        name = slash < 0 ? name : name[..slash];
        return name.Equals("h2c", StringComparison.OrdinalIgnoreCase) || name.Equals("HTTP", StringComparison.OrdinalIgnoreCase) ||
            name.Equals("TLS", StringComparison.OrdinalIgnoreCase);
    }
}
