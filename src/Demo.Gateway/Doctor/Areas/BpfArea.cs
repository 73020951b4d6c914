using Yarp.Splice.Bpf;

namespace Demo.Gateway.Doctor.Areas;

/// <summary>What the kernel lets eBPF programs do.</summary>
internal sealed class BpfArea(SystemFiles files) : IDoctorArea
{
    private const string Unprivileged = "kernel.unprivileged_bpf_disabled";
    private const string Jit = "net.core.bpf_jit_enable";
    private const string Harden = "net.core.bpf_jit_harden";

    public string Name => "bpf";

    public IEnumerable<Finding> Examine()
    {
        yield return Judge(Unprivileged, static value => value is "1" or "2",
            "0 lets every user load programs. The gateway never needs that; the setting is a matter of the machine's safety.", 2);
        yield return Judge(Jit, static value => value is "1" or "2",
            "Without the compiler the verdict program of mode Sockmap, and the one that steers connections to CPUs, are interpreted for each packet.", 1);
        yield return Judge(Harden, static value => value is "0" or "1",
            "2 makes programs of root slower, too.", 1);

        yield return files.Exists(KernelTypes.Path)
            ? Finding.Ok("btf", KernelTypes.Path, "Mode Sockmap's exact form reads the offsets of the kernel's own structures from it.")
            : new Finding("btf", $"there is no {KernelTypes.Path}", Verdict.Note,
                "Without it (CONFIG_DEBUG_INFO_BTF, or /sys is hidden) mode Sockmap runs in its credit form.");
    }

    private Finding Judge(string name, Func<string, bool> isGood, string why, int wanted)
    {
        var reading = files.ReadSysctl(name);
        return reading.IsRead
            ? Finding.Judge(name, reading.Text, isGood(reading.Text) ? Verdict.Ok : Verdict.Note, why, $"sysctl -w {name}={wanted}")
            : Finding.Unread(name, reading, why);
    }
}
