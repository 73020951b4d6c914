using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Upgrades;

/// <summary>One entry of <c>Splice:Connect</c>: a name, all names below one, or an address, and a port.</summary>
internal sealed class ConnectTarget
{
    public const string AcceptedForms = "a list of NAME:PORT, *.NAME:PORT, ADDRESS:PORT and [IPV6]:PORT with a port from 1 to 65535";

    private readonly string _text;
    private readonly IPAddress? _address;
    private readonly ServerNamePattern _names;
    private readonly int _port;

    private ConnectTarget(string text, IPAddress? address, ServerNamePattern names, int port)
    {
        _text = text;
        _address = address;
        _names = names;
        _port = port;
    }

    public static bool TryParse(string text, [NotNullWhen(true)] out ConnectTarget? target)
    {
        target = null;
        if (!TrySplit(text, out var host, out var port))
        {
            return false;
        }

        if (IPAddress.TryParse(host, out var address))
        {
            target = new ConnectTarget(text, address, default, port);
        }
        else if (ServerNamePattern.TryParse(host, out var names, out _) && !names.IsAny)
        {
            target = new ConnectTarget(text, null, names, port);
        }

        return target is not null;
    }

    /// <summary>Reads the target of a request in authority form (RFC 9112, section 3.2.3): a host, without brackets, and a port.</summary>
    public static bool TryReadRequest(string target, [NotNullWhen(true)] out DnsEndPoint? endPoint)
    {
        endPoint = TrySplit(target, out var host, out var port) && IsHost(host)
            ? new DnsEndPoint(host.TrimEnd('.'), port)
            : null;
        return endPoint is not null;
    }

    /// <summary>Whether a request may go there. A name matches as it stands; it is not resolved to be compared with addresses.</summary>
    public bool Allows(DnsEndPoint endPoint)
    {
        if (endPoint.Port != _port)
        {
            return false;
        }

        if (IPAddress.TryParse(endPoint.Host, out var address))
        {
            return address.Equals(_address);
        }

        return _address is null && (_names.IsWildcard
            ? endPoint.Host.EndsWith($".{_names.Name}", StringComparison.OrdinalIgnoreCase)
            : endPoint.Host.Equals(_names.Name, StringComparison.OrdinalIgnoreCase));
    }

    public override string ToString() => _text;

    // Uri.CheckHostName would also take a prefix length behind an IPv6 address, and a zone.
    private static bool IsHost(string host) => host.Contains(':', StringComparison.Ordinal)
        ? host.AsSpan().IndexOfAny("[]%/") < 0 && IPAddress.TryParse(host, out _)
        : Uri.CheckHostName(host) != UriHostNameType.Unknown;

    private static bool TrySplit(string text, out string host, out int port)
    {
        var colon = text.LastIndexOf(':');
        host = colon > 0 ? text[..colon] : "";
        port = 0;
        if (host is ['[', .., ']'])
        {
            host = host[1..^1];
        }
        else if (host.Contains(':', StringComparison.Ordinal))
        {
            return false;
        }

        return host.Length > 0 && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is >= 1 and <= 65535;
    }
}
