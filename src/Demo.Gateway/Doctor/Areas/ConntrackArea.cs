using System.Globalization;

namespace Demo.Gateway.Doctor.Areas;

/// <summary>The table of connections of the packet filter.</summary>
internal sealed class ConntrackArea(SystemFiles files) : IDoctorArea
{
    private const string Max = "net.netfilter.nf_conntrack_max";

    public string Name => "conntrack";

    public IEnumerable<Finding> Examine()
    {
        const string Why = "Each relayed session takes two entries. When the table is full, packets of new connections are dropped (nf_conntrack: table full).";
        var max = files.ReadSysctl(Max);
        var count = files.ReadSysctl("net.netfilter.nf_conntrack_count");
        if (!files.Exists("/proc/sys/net/netfilter/nf_conntrack_max"))
        {
            yield return Finding.Ok("entries", "not in use here", Why);
        }
        else if (!max.IsRead || !NumberList.TryParse(max.Text, 1, out var limit))
        {
            yield return Finding.Unread("entries", max with { Obstacle = max.Obstacle ?? $"'{max.Text}' is no number" }, Why);
        }
        else
        {
            var used = count.IsRead && NumberList.TryParse(count.Text, 1, out var now) ? now[0] : 0;
            var verdict = used > limit[0] / 10 * 8 ? Verdict.Attention : limit[0] < 131072 ? Verdict.Note : Verdict.Ok;
            yield return Finding.Judge("entries", string.Create(CultureInfo.InvariantCulture, $"{used} of {limit[0]}"), verdict, Why, $"sysctl -w {Max}=524288");
        }
    }
}
