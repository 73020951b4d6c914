using System.Globalization;

namespace Demo.Gateway.Doctor.Areas;

/// <summary>The CPUs, and which of them the process may use.</summary>
internal sealed class CpuArea(SystemFiles files) : IDoctorArea
{
    public string Name => "cpu";

    public IEnumerable<Finding> Examine()
    {
        const string Why = "There is one event loop for each allowed CPU; they are pinned if none is left out.";
        var status = new ProcessStatus(files);
        var online = files.Read("/sys/devices/system/cpu/online");
        var allowed = status.AllowedCpus;
        if (allowed.Length == 0)
        {
            yield return Finding.Unread("allowed", status.Reading with { Obstacle = status.Reading.Obstacle ?? "it has no line Cpus_allowed_list" }, Why);
        }
        else
        {
            var list = status.Reading.Line("Cpus_allowed_list:");
            var isNarrowed = online.IsRead && online.Text != list;
            yield return Finding.Judge("allowed", string.Create(CultureInfo.InvariantCulture, $"{allowed.Length}: {list}"), isNarrowed ? Verdict.Note : Verdict.Ok,
                isNarrowed ? $"{Why} This machine has more: {online.Text}." : Why, $"taskset -cp {online.Text} PID; container: --cpuset-cpus; systemd: CPUAffinity=");
        }

        yield return online.IsRead ? Finding.Ok("online", online.Text, "What the machine has.") : Finding.Unread("online", online, "What the machine has.");

        if (allowed is [var first, ..] && files.Read($"/sys/devices/system/cpu/cpu{first}/cpufreq/scaling_governor") is { IsRead: true } governor)
        {
            yield return Finding.Judge("governor", governor.Text, governor.Text == "powersave" ? Verdict.Note : Verdict.Ok,
                "A clock that follows the load is slow when a burst begins.", "cpupower frequency-set -g performance");
        }
    }
}
