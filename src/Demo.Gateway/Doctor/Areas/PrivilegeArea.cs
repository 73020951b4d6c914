using System.Globalization;
using Yarp.Splice.Bpf;

namespace Demo.Gateway.Doctor.Areas;

/// <summary>The user, and what it may do.</summary>
internal sealed class PrivilegeArea(SystemFiles files) : IDoctorArea
{
    private const string Grant = "setcap cap_bpf,cap_net_admin,cap_perfmon=p Demo.Gateway; container: --cap-add BPF --cap-add NET_ADMIN --cap-add PERFMON; " +
        "systemd: AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_PERFMON";

    private const int CAP_NET_BIND_SERVICE = 10;

    public string Name => "privileges";

    public IEnumerable<Finding> Examine()
    {
        var status = new ProcessStatus(files);
        const string UserWhy = "Root is not needed; a gateway that was started as root can become another user (setting User).";
        if (!status.Reading.IsRead || status.PermittedCapabilities is not { } permitted)
        {
            yield return Finding.Unread("capabilities", status.Reading with { Obstacle = status.Reading.Obstacle ?? "it has no line CapPrm" }, "Mode Sockmap needs some.");
            yield break;
        }

        var user = status.Reading.Line("Uid:")?.Split('\t')[0] ?? "unknown";
        yield return Finding.Ok("user", user == "0" ? "root (0)" : user, UserWhy);

        var missing = Capabilities.MissingForSockmap(permitted);
        yield return Finding.Judge("sockmap-capabilities", missing.Length == 0 ? "CAP_BPF and CAP_NET_ADMIN" : $"missing: {missing}",
            missing.Length == 0 ? Verdict.Ok : Verdict.Note, "Mode Sockmap needs CAP_BPF and CAP_NET_ADMIN; without them its routes run as Splice.", Grant);

        var hasPerfmon = Capabilities.HasPerfmon(permitted);
        yield return Finding.Judge("exact-form-capability", hasPerfmon ? "CAP_PERFMON" : "missing: CAP_PERFMON", hasPerfmon ? Verdict.Ok : Verdict.Note,
            "Mode Sockmap's exact form needs CAP_PERFMON, and then outlasts a pause of any length; without it, it is the credit form.", Grant);

        yield return DescribePorts((permitted >> CAP_NET_BIND_SERVICE & 1) != 0);

        if (status.Reading.Line("NoNewPrivs:") is { } noNew)
        {
            var isIgnored = noNew == "1" && missing.Length > 0;
            yield return Finding.Judge("no_new_privs", noNew == "1" ? "set" : "not set", isIgnored ? Verdict.Note : Verdict.Ok,
                "With it the kernel ignores the capabilities that the program's file has.",
                "container: leave --security-opt no-new-privileges out; Kubernetes: allowPrivilegeEscalation: true");
        }

        if (status.Reading.Line("Seccomp:") is { } seccomp)
        {
            yield return Finding.Ok("seccomp", seccomp switch { "0" => "off", "2" => "a filter", _ => "strict" },
                "A filter may refuse bpf(2) or mbind(2) whatever the capabilities are; the probe below tells for bpf(2).");
        }
    }

    private Finding DescribePorts(bool hasCapability)
    {
        const string Setting = "net.ipv4.ip_unprivileged_port_start";
        const string Why = "Ports below it take CAP_NET_BIND_SERVICE.";
        var start = files.ReadSysctl(Setting);
        if (!start.IsRead || !int.TryParse(start.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var first))
        {
            return Finding.Unread("low-ports", start with { Obstacle = start.Obstacle ?? $"'{start.Text}' is no number" }, Why);
        }

        var isOpen = hasCapability || first <= 80;
        return Finding.Judge("low-ports", hasCapability ? "all ports can be opened" : $"ports from {first} on can be opened", isOpen ? Verdict.Ok : Verdict.Note,
            Why, $"sysctl -w {Setting}=80; or setcap cap_net_bind_service=ep Demo.Gateway");
    }
}
