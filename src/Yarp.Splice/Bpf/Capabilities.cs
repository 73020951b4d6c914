using System.Globalization;

namespace Yarp.Splice.Bpf;

/// <summary>The capabilities that are in effect (capabilities(7)).</summary>
internal static class Capabilities
{
    private const int CAP_NET_ADMIN = 12;
    private const int CAP_SYS_ADMIN = 21;
    private const int CAP_PERFMON = 38;
    private const int CAP_BPF = 39;

    /// <summary>All that it can use, as a set.</summary>
    public const ulong ForSockmap = (1UL << CAP_NET_ADMIN) | (1UL << CAP_PERFMON) | (1UL << CAP_BPF);

    /// <summary>Which of those that Sockmap mode needs are missing, as a text; empty if none is.</summary>
    public static string MissingForSockmap() => MissingForSockmap(Effective());

    /// <summary>As <see cref="MissingForSockmap()"/>, for a set of capabilities.</summary>
    public static string MissingForSockmap(ulong set)
    {
        var missing = new List<string>();
        if (!Has(set, CAP_BPF) && !Has(set, CAP_SYS_ADMIN))
        {
            missing.Add("CAP_BPF");
        }

        if (!Has(set, CAP_NET_ADMIN))
        {
            missing.Add("CAP_NET_ADMIN");
        }

        return string.Join(" and ", missing);
    }

    /// <summary>Whether programs may read the kernel's structures.</summary>
    public static bool HasPerfmon() => HasPerfmon(Effective());

    /// <summary>As <see cref="HasPerfmon()"/>, for a set of capabilities.</summary>
    public static bool HasPerfmon(ulong set) => Has(set, CAP_PERFMON) || Has(set, CAP_SYS_ADMIN);

    private static bool Has(ulong set, int capability) => (set >> capability & 1) != 0;

    private static ulong Effective()
    {
        const string Key = "CapEff:";
        var line = File.ReadLines("/proc/thread-self/status").FirstOrDefault(static line => line.StartsWith(Key, StringComparison.Ordinal));
        return line is null ? 0 : ulong.Parse(line.AsSpan(Key.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
