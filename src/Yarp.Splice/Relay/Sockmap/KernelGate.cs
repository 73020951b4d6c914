using System.Globalization;

namespace Yarp.Splice.Relay.Sockmap;

/// <summary>
/// The kernels whose sockmap is known to be sound: older ones duplicate bytes after a partial send, or can be crashed from the network
/// (CVE-2025-38165, CVE-2025-38154). The probe can't find such faults, so versions decide.
/// </summary>
internal static class KernelGate
{
    private const string PanicOnWarn = "/proc/sys/kernel/panic_on_warn";

    /// <summary>The first sound release of each long-term series; from the last one on, every release.</summary>
    private static readonly Version[] s_firstSound = [new(6, 1, 142), new(6, 6, 94), new(6, 12, 34), new(6, 15, 3)];

    /// <summary>Why this kernel is not used, or <see langword="null"/>.</summary>
    public static string? Refusal() =>
        Refusal(KernelRelease.Running()) ?? (IsSet(PanicOnWarn)
            ? "kernel.panic_on_warn is 1, and this kernel warns about the accounting of passed segments when TCP runs out of memory"
            : null);

    /// <summary>Why a kernel of this version is not used, or <see langword="null"/>.</summary>
    public static string? Refusal(Version kernel)
    {
        var version = new Version(kernel.Major, kernel.Minor, Math.Max(kernel.Build, 0));
        var last = s_firstSound[^1];
        var isSound = version >= last ||
            s_firstSound.Any(first => version >= first && version.Major == first.Major && version.Minor == first.Minor);
        return isSound ? null : string.Create(CultureInfo.InvariantCulture,
            $"Linux {version} has known faults in sockmap; 6.1.142, 6.6.94, 6.12.34 and 6.15.3, and later ones of their series, are accepted");
    }

    private static bool IsSet(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim() == "1";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
