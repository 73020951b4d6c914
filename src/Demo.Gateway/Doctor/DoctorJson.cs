using Demo.Gateway.CommandLine;

namespace Demo.Gateway.Doctor;

/// <summary>The report as JSON. Members are added, never renamed, as long as <c>schema</c> stays.</summary>
internal static class DoctorJson
{
    private const int Schema = 1;

    public static string Write(DoctorReport report) => CommandJson.Write(
        new
        {
            schema = Schema,
            program = Usage.Version,
            verdict = Show(report.Worst),
            attention = report.Count(Verdict.Attention),
            notes = report.Count(Verdict.Note),
            ok = report.Count(Verdict.Ok),
            findings = report.Areas.SelectMany(static area => area.Findings.Select(finding => new
            {
                area = area.Area,
                name = finding.Name,
                value = finding.Value,
                read = finding.IsRead,
                verdict = Show(finding.Verdict),
                why = finding.Why,
                change = finding.Change,
            })),
        });

    private static string Show(Verdict verdict) => verdict.ToString().ToLowerInvariant();
}
