using System.Globalization;
using Transport.Linux.Numa;

namespace Demo.Gateway.Doctor.Areas;

/// <summary>Pages of memory (Documentation/admin-guide/mm/transhuge.rst of the kernel).</summary>
internal sealed class MemoryArea(SystemFiles files) : IDoctorArea
{
    private const string Folder = "/sys/kernel/mm/transparent_hugepage";

    public string Name => "memory";

    public IEnumerable<Finding> Examine()
    {
        const string Why = "LinuxTransport:HugePages, which is off unless it is set, asks for them: fewer misses of the address cache (TLB) with tens of thousands of busy HTTP connections.";
        var enabled = files.Read($"{Folder}/enabled");
        if (!enabled.IsRead)
        {
            yield return Finding.Unread("transparent-huge-pages", enabled, Why);
            yield break;
        }

        // The choice stands in brackets: always [madvise] never.
        var choice = enabled.Text.Split(['[', ']']) is [_, var chosen, ..] ? chosen : enabled.Text;
        var size = files.Read($"{Folder}/hpage_pmd_size");
        var isOfSize = size.Text == HugePages.Size.ToString(CultureInfo.InvariantCulture);
        yield return Finding.Judge("transparent-huge-pages", isOfSize || choice == "never" ? choice : $"{choice}, of {size.Text ?? "unknown"} bytes",
            isOfSize && choice != "never" ? Verdict.Ok : Verdict.Note, Why, choice == "never" ? $"echo madvise > {Folder}/enabled" : null);
    }
}
