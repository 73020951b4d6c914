using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Yarp.Splice.Routing;

/// <summary>A local port, on one address or, if <see cref="Listen"/> is <see langword="null"/>, on all.</summary>
internal readonly record struct TcpPort(int Port, IPAddress? Listen)
{
    // "::" is what all addresses means on a dual-mode socket, so both spellings are one port.
    public static TcpPort Of(TcpRoute route) => new(route.Port, IPAddress.IPv6Any.Equals(route.Listen) ? null : route.Listen);

    /// <summary>Whether a connection to one of them could be one to the other.</summary>
    public bool Overlaps(TcpPort other) =>
        Port == other.Port && (IsWildcard(Listen) || IsWildcard(other.Listen) || Listen!.Equals(other.Listen));

    /// <summary>Whether a connection that arrived on a local address belongs to the port.</summary>
    public bool Contains(IPAddress local) =>
        Listen is null || Listen.Equals(local) || (Listen.Equals(IPAddress.Any) && local.AddressFamily == AddressFamily.InterNetwork);

    public override string ToString() =>
        Listen is null ? string.Create(CultureInfo.InvariantCulture, $"*:{Port}") : new IPEndPoint(Listen, Port).ToString();

    private static bool IsWildcard(IPAddress? address) => address is null || address.Equals(IPAddress.Any);
}
