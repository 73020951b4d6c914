using System.Net;
using Testing;

namespace EndToEnd.Tests.Network;

/// <summary>A host of a <see cref="RoutedNetwork"/>: a namespace with one device, whose cable ends in the router.</summary>
/// <param name="Name">Also the name of the router's device at the other end of the cable.</param>
/// <param name="Prefix">The first three bytes of its addresses.</param>
internal sealed record NetworkHost(string Name, string Prefix, NetworkNamespace Namespace)
{
    public const string Device = "eth0";

    public IPAddress RouterAddress { get; } = IPAddress.Parse($"{Prefix}.1");

    public IPAddress Address { get; } = IPAddress.Parse($"{Prefix}.2");

    /// <summary>An address of the same network that nobody has.</summary>
    public IPAddress NobodysAddress { get; } = IPAddress.Parse($"{Prefix}.99");

    public string Network { get; } = $"{Prefix}.0/24";
}
