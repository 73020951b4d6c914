using System.Globalization;

namespace Demo.Gateway.Doctor.Areas;

/// <summary>What the control groups of the process allow it: the tightest limit on the way up to the root counts (cgroups(7)).</summary>
internal sealed class CgroupArea(SystemFiles files) : IDoctorArea
{
    private const long LittleMemory = 256L * 1024 * 1024;
    private const long FewTasks = 512;

    public string Name => "cgroup";

    public IEnumerable<Finding> Examine()
    {
        var groups = new CgroupFolders(files);
        if (groups.Obstacle is { } obstacle)
        {
            yield return Finding.Unread("version", obstacle, "A cgroup can limit CPU time, memory and threads.");
            yield break;
        }

        yield return Finding.Ok("version", groups.Version, "Limits are read from both versions; on a hybrid machine each controller is in one of them.");
        yield return DescribeCpu(groups);
        if (DescribeThrottling(groups) is { } throttling)
        {
            yield return throttling;
        }

        yield return DescribeLimit(groups, "memory", "memory.max", "memory.limit_in_bytes", "memory.current", "memory.usage_in_bytes", LittleMemory, SizeText.Of,
            "Past it the kernel ends the process. Buffers of sockets count too: a stalled reader takes up to some 8 MB.",
            "container: --memory 1g; Kubernetes: limits.memory; systemd: MemoryMax=");
        yield return DescribeLimit(groups, "pids", "pids.max", "pids.max", "pids.current", "pids.current", FewTasks,
            static count => count.ToString(CultureInfo.InvariantCulture),
            "Each thread counts, and one that cannot be started ends the process.", "container: --pids-limit 2048; systemd: TasksMax=2048");
    }

    private Finding DescribeCpu(CgroupFolders groups)
    {
        const string Why = "Past the quota the whole process stands still for the rest of each period. With less than the allowed CPUs there are fewer event loops, and none is pinned.";
        var cpus = new ProcessStatus(files).AllowedCpus.Length;
        (double Quota, string Folder)? tightest = null;
        foreach (var folder in groups.FoldersOf("cpu"))
        {
            if (ReadQuota(folder, groups.IsUnified("cpu")) is { } quota && !(tightest?.Quota <= quota))
            {
                tightest = (quota, folder);
            }
        }

        if (tightest is not { } found)
        {
            return Finding.Ok("cpu-quota", "none", Why);
        }

        var text = string.Create(CultureInfo.InvariantCulture, $"{found.Quota:0.##} CPUs ({found.Folder})");
        var verdict = found.Quota < 1 ? Verdict.Attention : cpus > 0 && found.Quota < cpus ? Verdict.Note : Verdict.Ok;
        var command = groups.IsUnified("cpu") ? $"echo max > {found.Folder}/cpu.max" : $"echo -1 > {found.Folder}/cpu.cfs_quota_us";
        return Finding.Judge("cpu-quota", text, verdict, Why, $"{command}; container: --cpus; Kubernetes: limits.cpu; systemd: CPUQuota=");
    }

    private double? ReadQuota(string folder, bool isUnified)
    {
        var parts = isUnified
            ? files.Read($"{folder}/cpu.max").Text?.Split(' ')
            : [files.Read($"{folder}/cpu.cfs_quota_us").Text ?? "", files.Read($"{folder}/cpu.cfs_period_us").Text ?? ""];
        return parts is [var quota, var period] && TryParse(quota, out var quotaUs) && TryParse(period, out var periodUs) && quotaUs > 0 && periodUs > 0
            ? (double)quotaUs / periodUs
            : null;
    }

    private Finding? DescribeThrottling(CgroupFolders groups)
    {
        if (groups.FoldersOf("cpu") is not [var folder, ..] || files.Read($"{folder}/cpu.stat") is not { IsRead: true } stat
            || !TryParse(stat.Line("nr_periods "), out var periods) || !TryParse(stat.Line("nr_throttled "), out var throttled) || periods == 0)
        {
            return null;
        }

        var verdict = throttled * 20 > periods ? Verdict.Attention : throttled > 0 ? Verdict.Note : Verdict.Ok;
        return Finding.Judge("cpu-throttled", string.Create(CultureInfo.InvariantCulture, $"{throttled} of {periods} periods"), verdict,
            "In these periods the processes of the group stood still because the quota was used up; requests waited up to 0.1 s.",
            "a higher quota: container: --cpus; Kubernetes: limits.cpu; systemd: CPUQuota=");
    }

    private Finding DescribeLimit(
        CgroupFolders groups, string controller, string unifiedFile, string legacyFile, string unifiedUse, string legacyUse, long little,
        Func<long, string> show, string why, string change)
    {
        var isUnified = groups.IsUnified(controller);
        (long Limit, string Folder)? tightest = null;
        foreach (var folder in groups.FoldersOf(controller))
        {
            // Version 1 says "no limit" with the largest number of whole pages.
            if (TryParse(files.Read($"{folder}/{(isUnified ? unifiedFile : legacyFile)}").Text, out var limit) && limit < long.MaxValue / 2
                && !(tightest?.Limit <= limit))
            {
                tightest = (limit, folder);
            }
        }

        if (tightest is not { } found)
        {
            return Finding.Ok($"{controller}-limit", "none", why);
        }

        var hasUse = TryParse(files.Read($"{found.Folder}/{(isUnified ? unifiedUse : legacyUse)}").Text, out var use);
        var isTight = found.Limit < little || (hasUse && use > found.Limit / 10 * 9);
        return Finding.Judge($"{controller}-limit", $"{show(found.Limit)}{(hasUse ? $", {show(use)} used" : "")} ({found.Folder})",
            isTight ? Verdict.Attention : Verdict.Ok, why, change);
    }

    private static bool TryParse(string? text, out long number) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);
}
