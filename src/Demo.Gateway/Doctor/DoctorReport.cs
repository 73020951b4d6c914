using Demo.Gateway.Doctor.Areas;

namespace Demo.Gateway.Doctor;

/// <summary>All that was found, by area.</summary>
internal sealed record DoctorReport(IReadOnlyList<(string Area, IReadOnlyList<Finding> Findings)> Areas)
{
    public Verdict Worst => Areas.SelectMany(static area => area.Findings).Select(static finding => finding.Verdict).DefaultIfEmpty().Max();

    /// <summary>The areas that only read files.</summary>
    public static IReadOnlyList<IDoctorArea> ReadingAreas(SystemFiles files) =>
    [
        new KernelArea(files), new PrivilegeArea(files), new BpfArea(files), new CgroupArea(files), new CpuArea(files), new MemoryArea(files),
        new NumaArea(files), new NetworkCardArea(files), new TcpArea(files), new DescriptorArea(files), new ConntrackArea(files),
    ];

    public static DoctorReport Examine(IEnumerable<IDoctorArea> areas) => new([.. areas.Select(static area => (area.Name, (IReadOnlyList<Finding>)[.. area.Examine()]))]);

    public int Count(Verdict verdict) => Areas.Sum(area => area.Findings.Count(finding => finding.Verdict == verdict));
}
