using System.Globalization;

namespace Demo.Gateway.Doctor.Areas;

/// <summary>How many descriptors and how much pipe memory there may be.</summary>
internal sealed class DescriptorArea(SystemFiles files) : IDoctorArea
{
    private const string PipePages = "fs.pipe-user-pages-soft";
    private const int CAP_SYS_ADMIN = 21;
    private const int CAP_SYS_RESOURCE = 24;
    private const long GoodDescriptors = 65536;
    private const long FewDescriptors = 8192;

    private static readonly SettingRule s_pipeSize = new("fs.pipe-max-size", "1048576", SettingRule.AtLeast(1024 * 1024, 64 * 1024),
        "The largest pipe that an ordinary user gets. Mode Splice takes pipes of 1 MiB if it can, and none below 64 KiB.");

    public string Name => "descriptors";

    public IEnumerable<Finding> Examine()
    {
        yield return DescribeLimit();
        yield return s_pipeSize.Examine(files);
        yield return DescribePipePages();
    }

    private Finding DescribeLimit()
    {
        const string Key = "Max open files";
        const string Why = "A relayed connection takes two descriptors, and up to four more in mode Splice while bytes wait. The runtime raises the soft limit to the hard one.";
        var limits = files.Read("/proc/self/limits");
        var words = limits.Line(Key)?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        if (words.Length < 2)
        {
            return Finding.Unread("nofile", limits with { Obstacle = limits.Obstacle ?? $"it has no line '{Key}'" }, Why);
        }

        var hard = long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : long.MaxValue;
        var verdict = hard >= GoodDescriptors ? Verdict.Ok : hard >= FewDescriptors ? Verdict.Note : Verdict.Attention;
        return Finding.Judge("nofile", $"soft {words[0]}, hard {words[1]}", verdict, Why, "ulimit -Hn 200000; systemd: LimitNOFILE=200000; container: --ulimit nofile=200000");
    }

    private Finding DescribePipePages()
    {
        const string Why = "Pages in pipes that one user may have before a new pipe gets only one or two. Mode Splice then copies.";
        var reading = files.ReadSysctl(PipePages);
        if (!reading.IsRead || !NumberList.TryParse(reading.Text, 1, out var pages))
        {
            return Finding.Unread(PipePages, reading with { Obstacle = reading.Obstacle ?? $"'{reading.Text}' is no number" }, Why);
        }

        var permitted = new ProcessStatus(files).PermittedCapabilities ?? 0;
        var isExempt = ((permitted >> CAP_SYS_RESOURCE | permitted >> CAP_SYS_ADMIN) & 1) != 0;
        var pipes = pages[0] * Environment.SystemPageSize / (1024 * 1024);
        var (text, verdict) =
            isExempt ? ("which does not bind this process (CAP_SYS_RESOURCE)", Verdict.Ok)
            : pages[0] == 0 ? ("no limit", Verdict.Ok)
            : (string.Create(CultureInfo.InvariantCulture, $"{pipes} pipes of 1 MiB"), pipes >= 256 ? Verdict.Ok : Verdict.Note);
        return Finding.Judge(PipePages, $"{pages[0]}: {text}", verdict, Why, $"sysctl -w {PipePages}=262144");
    }
}
