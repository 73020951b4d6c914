using System.Net;
using System.Text;

namespace Yarp.Splice.LoadBalancing;

/// <summary>Hashes that are the same in every process and on every machine, so that several gateways choose alike.</summary>
internal static class StableHash
{
    // FNV-1a, 64 bits.
    private const ulong Basis = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    private const int LongestAddress = 16;
    private const int MappedPrefix = 12;

    public static ulong Of(string text)
    {
        var hash = Basis;
        foreach (var value in Encoding.UTF8.GetBytes(text))
        {
            hash = (hash ^ value) * Prime;
        }

        return Mix(hash);
    }

    /// <summary>An IPv4 address has the same hash in its IPv6-mapped form, as a dual-stack listener reports it. Does not allocate.</summary>
    public static ulong Of(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[LongestAddress];
        _ = address.TryWriteBytes(bytes, out var length);
        var significant = address.IsIPv4MappedToIPv6 ? bytes[MappedPrefix..length] : bytes[..length];
        var hash = Basis;
        foreach (var value in significant)
        {
            hash = (hash ^ value) * Prime;
        }

        return Mix(hash);
    }

    /// <summary>Two hashes as one, each bit of which depends on all bits of both.</summary>
    public static ulong Combine(ulong first, ulong second) => Mix(first ^ (second + 0x9E3779B97F4A7C15));

    /// <summary>The finaliser of SplitMix64: neighbouring addresses get unrelated hashes.</summary>
    public static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
