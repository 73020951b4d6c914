using Microsoft.AspNetCore.Server.Kestrel.Core;
using Yarp.Splice.Kestrel;
using Yarp.Splice.Sources;

namespace Microsoft.AspNetCore.Hosting;

/// <summary>The PROXY protocol on Kestrel endpoints that are declared in code.</summary>
public static class ListenOptionsProxyProtocolExtensions
{
    /// <summary>
    /// Takes a PROXY protocol header (version 1 or 2) off every connection to the endpoint, before TLS and before the connection's route is known, so that
    /// HTTP sees the client's address as <c>HttpContext.Connection.RemoteIpAddress</c>. Has an effect in applications that call <c>AddSplice</c>. The same as
    /// the key <c>AcceptProxyProtocol</c> of an endpoint's section, over which it wins.
    /// </summary>
    /// <param name="listenOptions">The endpoint, which must be one with an IP address.</param>
    /// <param name="trustedSources">Whose headers are believed: addresses and networks, such as <c>192.0.2.7</c>, <c>10.0.0.0/8</c> or <c>2001:db8::/32</c>; at
    /// least one. Connections from anywhere else are closed, and so are those that send no header or a malformed one.</param>
    /// <returns>The same endpoint.</returns>
    /// <exception cref="ArgumentException">The list is empty, an entry is no address and no network, or the endpoint is a Unix socket or a pipe.</exception>
    public static ListenOptions AcceptProxyProtocol(this ListenOptions listenOptions, params string[] trustedSources)
    {
        ArgumentNullException.ThrowIfNull(listenOptions);
        ArgumentNullException.ThrowIfNull(trustedSources);
        if (listenOptions.IPEndPoint is null)
        {
            throw new ArgumentException($"The endpoint is {listenOptions}, whose clients have no address to be trusted by.", nameof(listenOptions));
        }

        var mistakes = new List<string>();
        var proxies = AddressList.ReadProxies(string.Join(',', trustedSources), nameof(trustedSources), mistakes);
        if (mistakes.Count > 0)
        {
            throw new ArgumentException(string.Join(' ', mistakes), nameof(trustedSources));
        }

        EndpointProxies.Set(listenOptions, proxies!);
        return listenOptions;
    }
}
