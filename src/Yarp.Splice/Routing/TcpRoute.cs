using System.Net;
using Yarp.Splice.Limits;
using Yarp.Splice.ProxyProtocol;

namespace Yarp.Splice.Routing;

/// <summary>One route with a <c>Mode</c>, read from its metadata and checked. Immutable: a reload makes new ones.</summary>
internal sealed record TcpRoute
{
    public required string RouteId { get; init; }

    public required string ClusterId { get; init; }

    /// <summary>The mode that the configuration asks for.</summary>
    public required SpliceMode Mode { get; init; }

    /// <summary>The local port, from <c>Match.Hosts</c>.</summary>
    public required int Port { get; init; }

    /// <summary>The TLS server names that it takes on the port, from <c>Match.Hosts</c>.</summary>
    public ServerNamePattern ServerName { get; init; } = ServerNamePattern.Any;

    /// <summary>The address that a port of our own is opened on; <see langword="null"/> for all addresses.</summary>
    public IPAddress? Listen { get; init; }

    /// <summary>How long a client may take until its ClientHello has arrived, where routes of the port have server names.</summary>
    public TimeSpan PrereadTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one attempt to connect to a destination may take.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

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

    /// <summary>What the route allows its clients.</summary>
    public RouteLimits Limits { get; init; } = RouteLimits.None;

    /// <summary>What it takes, as messages say it.</summary>
    public string Claim => ServerName.IsAny ? $"port {TcpPort.Of(this)}" : $"'{ServerName}' on port {TcpPort.Of(this)}";

    /// <summary>Whether a connection could belong to both, or their ports cannot both be opened.</summary>
    public bool CompetesWith(TcpRoute other)
    {
        var (own, others) = (TcpPort.Of(this), TcpPort.Of(other));
        return own.Overlaps(others) && (own != others || ServerName == other.ServerName);
    }
}
