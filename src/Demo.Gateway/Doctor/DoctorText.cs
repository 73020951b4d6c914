using System.Globalization;
using System.Text;

namespace Demo.Gateway.Doctor;

/// <summary>The report for people, at most 100 columns wide where words allow.</summary>
internal static class DoctorText
{
    private const int Width = 98;
    private const int Indent = 13;
    private const int NameWidth = 34;

    public static string Write(DoctorReport report, bool isVerbose, bool isColoured)
    {
        var text = new StringBuilder();
        foreach (var (area, findings) in report.Areas)
        {
            text.Append(area).Append('\n');
            foreach (var finding in findings)
            {
                Append(text, finding, isVerbose, isColoured);
            }

            text.Append('\n');
        }

        text.Append(CultureInfo.InvariantCulture,
            $"{report.Count(Verdict.Attention)} need attention, {report.Count(Verdict.Note)} notes, {report.Count(Verdict.Ok)} are well.\n");
        if (report.Worst > Verdict.Ok)
        {
            text.Append("sysctl -w lasts until the next start of the machine; a file in /etc/sysctl.d keeps it.\n");
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, Finding finding, bool isVerbose, bool isColoured)
    {
        var verdict = finding.Verdict.ToString().ToLowerInvariant().PadRight(Indent - 2);
        text.Append("  ").Append(isColoured ? Colour(finding.Verdict, verdict) : verdict);
        AppendWrapped(text, finding.Name.PadRight(NameWidth) + finding.Value, Indent + NameWidth);
        if (finding.Verdict != Verdict.Ok || isVerbose)
        {
            text.Append(' ', Indent);
            AppendWrapped(text, finding.Why, Indent);
        }

        if (finding.Change is { } change)
        {
            // Not wrapped: it is to be copied.
            text.Append(' ', Indent).Append("-> ").Append(change).Append('\n');
        }
    }

    /// <summary>Appends a text that begins at the column of <see cref="Indent"/>; what does not fit goes on below, further in.</summary>
    private static void AppendWrapped(StringBuilder text, string content, int continuation)
    {
        var column = Indent;
        // Spaces between words stay, as those between name and value.
        var words = content.Split(' ');
        for (var i = 0; i < words.Length; i++)
        {
            if (i > 0 && column + 1 + words[i].Length > Width && words[i].Length > 0)
            {
                text.Append('\n').Append(' ', continuation);
                column = continuation;
            }
            else if (i > 0)
            {
                text.Append(' ');
                column++;
            }

            text.Append(words[i]);
            column += words[i].Length;
        }

        text.Append('\n');
    }

    private static string Colour(Verdict verdict, string text) => verdict switch
    {
        Verdict.Attention => $"\e[31m{text}\e[0m",
        Verdict.Note => $"\e[33m{text}\e[0m",
        _ => $"\e[32m{text}\e[0m",
    };
}
