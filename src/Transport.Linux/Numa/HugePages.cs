using System.Globalization;

namespace Transport.Linux.Numa;

/// <summary>Transparent huge pages (Documentation/admin-guide/mm/transhuge.rst of the kernel): whether the kernel gives them to whoever asks.</summary>
internal static class HugePages
{
    /// <summary>With base pages of 4 KiB, as on x64 and most of arm64. Larger base pages make huge pages that are too large for buffers.</summary>
    public const int Size = 2 << 20;

    /// <summary>Why there are none, or <see langword="null"/> if asking for them may help.</summary>
    public static string? FindObstacle(string sysfsRoot = "/sys")
    {
        var folder = Path.Combine(sysfsRoot, "kernel/mm/transparent_hugepage");
        try
        {
            if (File.ReadAllText(Path.Combine(folder, "enabled")).Contains("[never]", StringComparison.Ordinal))
            {
                return $"{folder}/enabled is never";
            }

            var size = File.ReadAllText(Path.Combine(folder, "hpage_pmd_size")).Trim();
            return size == Size.ToString(CultureInfo.InvariantCulture) ? null : $"they have {size} bytes here, and buffers need {Size}";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"the kernel has none, or hides {folder}";
        }
    }
}
