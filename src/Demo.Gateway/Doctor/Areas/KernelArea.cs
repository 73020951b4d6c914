using System.Text.RegularExpressions;
using Yarp.Splice.Relay.Sockmap;

namespace Demo.Gateway.Doctor.Areas;

/// <summary>The kernel, and what is known of its SOCKMAP.</summary>
internal sealed partial class KernelArea(SystemFiles files) : IDoctorArea
{
    private const string PanicOnWarn = "kernel.panic_on_warn";

    public string Name => "kernel";

    public IEnumerable<Finding> Examine()
    {
        const string Why = "Mode Sockmap runs only where no fault of the kernel's sockmap is known; elsewhere its routes run as Splice.";
        var release = files.ReadSysctl("kernel.osrelease");
        if (!release.IsRead || !Number().IsMatch(release.Text))
        {
            yield return Finding.Unread("release", release with { Obstacle = release.Obstacle ?? $"'{release.Text}' is no version" }, Why);
        }
        else
        {
            var upstream = KernelRelease.Of(
                Version.Parse(Number().Match(release.Text).Value), files.ReadSysctl("kernel.version").Text, files.Read("/proc/version_signature").Text);
            var refusal = KernelGate.Refusal(upstream);
            yield return Finding.Ok("release", release.Text.StartsWith(upstream.ToString(), StringComparison.Ordinal) ? release.Text : $"{release.Text} (that is {upstream})",
                "The transport works on every kernel that .NET 10 runs on; it is measured on Linux 6.18.");
            yield return Finding.Judge("sockmap-faults", refusal ?? "none known", refusal is null ? Verdict.Ok : Verdict.Note, Why, "uname -r; then install a newer kernel of the distribution");
        }

        var panic = files.ReadSysctl(PanicOnWarn);
        if (panic.IsRead)
        {
            yield return Finding.Judge(PanicOnWarn, panic.Text, panic.Text == "0" ? Verdict.Ok : Verdict.Note,
                "Out of memory, TCP may warn about what SOCKMAP passed on. With 1 that would stop the machine, so mode Sockmap is not used.",
                $"sysctl -w {PanicOnWarn}=0");
        }
    }

    [GeneratedRegex(@"^\d+\.\d+(\.\d+)?")]
    private static partial Regex Number();
}
