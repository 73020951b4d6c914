using System.Text.RegularExpressions;

namespace Yarp.Splice.Relay.Sockmap;

/// <summary>
/// The release of kernel.org that the running kernel is built from. Distributions keep the first release of a series in uname(2)'s release, so that
/// Debian's 6.1.192 calls itself 6.1.0-56-amd64, and say the real one elsewhere: Debian in the version that /proc/sys/kernel/version shows, Ubuntu in
/// /proc/version_signature. Others that carry fixes back without saying to which release are taken at their word.
/// </summary>
internal static partial class KernelRelease
{
    private const string VersionFile = "/proc/sys/kernel/version";
    private const string SignatureFile = "/proc/version_signature";

    /// <summary>Of the running kernel.</summary>
    public static Version Running() => Of(Environment.OSVersion.Version, Read(VersionFile), Read(SignatureFile));

    /// <param name="release">What uname(2) calls the release.</param>
    /// <param name="version">What it calls the version; <see langword="null"/> if that can't be read.</param>
    /// <param name="signature">Ubuntu's signature; <see langword="null"/> elsewhere.</param>
    public static Version Of(Version release, string? version, string? signature)
    {
        foreach (var match in new[] { DebianVersion().Match(version ?? ""), UbuntuSignature().Match(signature ?? "") })
        {
            // The same series, so that nothing else in the text is taken for a release.
            if (match.Success && Version.TryParse(match.Groups[1].Value, out var upstream) && upstream.Major == release.Major && upstream.Minor == release.Minor)
            {
                return upstream;
            }
        }

        return release;
    }

    [GeneratedRegex(@"\bDebian (\d+\.\d+\.\d+)")]
    private static partial Regex DebianVersion();

    [GeneratedRegex(@"^Ubuntu \S+ (\d+\.\d+\.\d+)\s*$")]
    private static partial Regex UbuntuSignature();

    private static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
