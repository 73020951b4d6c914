using Yarp.Splice.Routing;

namespace Yarp.Splice.Upgrades;

/// <summary>What an HTTP route says of connections that stop being HTTP. Immutable: a reload makes new ones.</summary>
/// <param name="Upgrades">How upgraded connections are relayed; <see langword="null"/> if YARP is to copy them.</param>
/// <param name="Tunnels">How connections of <c>CONNECT</c> are relayed.</param>
/// <param name="ConnectTargets">Where <c>CONNECT</c> may go; empty if the route knows no such thing.</param>
internal sealed record UpgradeRoute(TcpRoute? Upgrades, TcpRoute Tunnels, IReadOnlyList<ConnectTarget> ConnectTargets);
