using System.Net;
using System.Net.NetworkInformation;

namespace Transport.Linux.Tests;

/// <summary>A fact about scope ids; skipped where no interface has an IPv6 link-local address.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresLinkLocalAddressFactAttribute : FactAttribute
{
    public RequiresLinkLocalAddressFactAttribute() =>
        Skip = FindAddress() is null ? "needs an interface with an IPv6 link-local address" : null;

    public static IPAddress? FindAddress() => NetworkInterface.GetAllNetworkInterfaces()
        .Where(static network => network.OperationalStatus == OperationalStatus.Up)
        .SelectMany(static network => network.GetIPProperties().UnicastAddresses)
        .Select(static unicast => unicast.Address)
        .FirstOrDefault(static address => address.IsIPv6LinkLocal && address.ScopeId != 0);
}
