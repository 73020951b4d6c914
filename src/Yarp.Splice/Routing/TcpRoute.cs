using System.Net;
using Yarp.Splice.Limits;
using Yarp.Splice.ProxyProtocol;
using Yarp.Splice.Relay;
using Yarp.Splice.Sources;

namespace Yarp.Splice.Routing;

/// <summary>One route with a <c>Mode</c>, read from its metadata and checked. Immutable: a reload makes new ones.</summary>
internal sealed record TcpRoute
{
    public static TimeSpan DefaultPrereadTimeout { get; } = TimeSpan.FromSeconds(5);

    public required string RouteId { get; init; }

    public required string ClusterId { get; init; }

    /// <summary>The mode that the configuration asks for.</summary>
    public required SpliceMode Mode { get; init; }

    /// <summary>The local port, from <c>Match.Hosts</c>.</summary>
    public required int Port { get; init; }

    /// <summary>The TLS server names that it takes on the port, from <c>Match.Hosts</c>.</summary>
    public ServerNamePattern ServerName { get; init; } = ServerNamePattern.Any;

    /// <summary>The application protocols, one of which a client must offer; <see langword="null"/> for any and none.</summary>
    public ApplicationProtocols? Alpn { get; init; }

    /// <summary>Which clients it takes, by their address; <see langword="null"/> for all.</summary>
    public SourceRules? Sources { get; init; }

    /// <summary>
    /// Whose connections to the port begin with a PROXY protocol header, while others are refused; <see langword="null"/> if there is no header.
    /// The same for all routes of a port.
    /// </summary>
    public AddressSet? AcceptProxyProtocol { get; init; }

    /// <summary>The address that a port of our own is opened on; <see langword="null"/> for all addresses.</summary>
    public IPAddress? Listen { get; init; }

    /// <summary>How long a client may take until its ClientHello has arrived, where routes of the port look at it, and its PROXY protocol header.</summary>
    public TimeSpan PrereadTimeout { get; init; } = DefaultPrereadTimeout;

    /// <summary>How long one attempt to connect to a destination may take.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The address of this machine that destinations are connected to from; <see langword="null"/> for the one that the kernel picks.</summary>
    public IPAddress? BindSource { get; init; }

    /// <summary>How many destinations are tried before the client's connection is closed.</summary>
    public int ConnectAttempts { get; init; } = 3;

    /// <summary>How long a session may be without a byte in either direction.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long a session of which one side has finished may be without a byte.</summary>
    public TimeSpan HalfCloseTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The PROXY protocol header that a destination gets before the first byte of the client.</summary>
    public ProxyProtocolVersion ProxyProtocol { get; init; }

    /// <summary>Whether mode Auto hands interactive sessions to the kernel, where a pause of the process does not show in them.</summary>
    public bool PauseImmune { get; init; }

    /// <summary>What is set on the sockets of its sessions; <see langword="null"/> for nothing.</summary>
    public SessionSocketOptions? SocketOptions { get; init; }

    /// <summary>How long its sessions may go on after the route was removed; <see langword="null"/> until they end by themselves.</summary>
    public TimeSpan? DrainTimeout { get; init; }

    /// <summary>What becomes of sessions whose destination is removed or gets another address.</summary>
    public SessionFate OnDestinationRemoved { get; init; }

    /// <summary>What the route allows its clients.</summary>
    public RouteLimits Limits { get; init; } = RouteLimits.None;

    /// <summary>Whether only a client's ClientHello tells that a connection is the route's.</summary>
    public bool NeedsClientHello => !ServerName.IsAny || Alpn is not null;

    /// <summary>What it takes, as messages say it.</summary>
    public string Claim => (ServerName.IsAny ? "" : $"'{ServerName}' on ") + $"port {TcpPort.Of(this)}" + (Alpn is null ? "" : $" with ALPN {Alpn}");

    /// <summary>Whether a connection could belong to both, or they need the port in different ways.</summary>
    public bool CompetesWith(TcpRoute other)
    {
        var (own, others) = (TcpPort.Of(this), TcpPort.Of(other));
        return own.Overlaps(others) && (own != others || TakesSameAs(other) || DisagreesWith(other));
    }

    /// <summary>Whether one of two routes of a port expects a PROXY protocol header, which comes before the route is known, that the other does not.</summary>
    public bool DisagreesWith(TcpRoute other) =>
        TcpPort.Of(this) == TcpPort.Of(other) && !Equals(AcceptProxyProtocol, other.AcceptProxyProtocol);

    private bool TakesSameAs(TcpRoute other) =>
        ServerName == other.ServerName && (Alpn is null ? other.Alpn is null : other.Alpn is not null && Alpn.Overlap(other.Alpn));
}
