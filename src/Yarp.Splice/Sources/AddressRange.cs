using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Yarp.Splice.Sources;

/// <summary>The addresses of one entry of a list, from the first to the last: a network, or one address.</summary>
internal readonly record struct AddressRange(bool IsIpv4, UInt128 First, UInt128 Last)
{
    private const int Ipv4Bits = 32;
    private const int Ipv6Bits = 128;

    /// <summary>What an entry may be, in words.</summary>
    public const string AcceptedForms = "an address or a network, such as 192.0.2.7, 10.0.0.0/8, ::1 or 2001:db8::/32";

    /// <summary>Reads an address, or a network in CIDR notation (RFC 4632, section 3.1).</summary>
    /// <param name="text">The entry.</param>
    /// <param name="range">The addresses.</param>
    /// <param name="accepted">What would be accepted instead, as the end of a sentence, if there is more to say than <see cref="AcceptedForms"/>.</param>
    public static bool TryParse(string text, out AddressRange range, out string? accepted)
    {
        range = default;
        accepted = null;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!TryParseAddress(slash < 0 ? text : text[..slash], out var address))
        {
            return false;
        }

        var written = address.AddressFamily == AddressFamily.InterNetwork ? Ipv4Bits : Ipv6Bits;
        var shortest = address.IsIPv4MappedToIPv6 ? Ipv6Bits - Ipv4Bits : 0;
        var prefix = written;
        if (slash >= 0 &&
            (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out prefix) || prefix < shortest || prefix > written))
        {
            accepted = string.Create(CultureInfo.InvariantCulture, $"a prefix length from {shortest} to {written} behind {address}");
            return false;
        }

        var number = AddressNumber.Of(address);
        var hostBits = written - prefix;
        var hosts = hostBits == 0 ? UInt128.Zero : UInt128.MaxValue >> (Ipv6Bits - hostBits);
        if ((number.Value & hosts) != UInt128.Zero)
        {
            // Who writes 10.0.0.7/8 may mean the one address, or may have got the length wrong: a list that lets clients in must not guess.
            var network = number with { Value = number.Value & ~hosts };
            var length = (number.IsIpv4 ? Ipv4Bits : Ipv6Bits) - hostBits;
            accepted = string.Create(CultureInfo.InvariantCulture, $"{network.ToAddress()}/{length} for the network or {address} for the address");
            return false;
        }

        range = new AddressRange(number.IsIpv4, number.Value, number.Value | hosts);
        return true;
    }

    /// <summary>The usual forms only: IPAddress.TryParse also takes 10.1, 0x0a000001, 012.0.0.1 (octal), [::1]:80 and scopes.</summary>
    private static bool TryParseAddress(string text, [NotNullWhen(true)] out IPAddress? address) =>
        IPAddress.TryParse(text, out address) && (address.AddressFamily == AddressFamily.InterNetworkV6
            ? text.AsSpan().IndexOfAny("[]%") < 0
            : text.Equals(address.ToString(), StringComparison.Ordinal));
}
