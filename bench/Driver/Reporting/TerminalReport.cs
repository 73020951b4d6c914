using Bench.Driver.Results;

namespace Bench.Driver.Reporting;

/// <summary>A row's tables on the terminal.</summary>
internal static class TerminalReport
{
    public static void Write(RowResult row)
    {
        var columns = Headings.For(row.Columns);
        Console.WriteLine($"\n{row.Name}: {row.Title} ({(row.Quick ? "quick form, " : "")}{row.Rounds} interleaved round{(row.Rounds == 1 ? "" : "s")}; median, spread in brackets)");
        foreach (var result in row.Cases)
        {
            Console.WriteLine($"\n  {result.Title}");
            var cells = TableText.Cells(result, columns);
            var widths = Enumerable.Range(0, cells[0].Length).Select(column => cells.Max(line => line[column].Length)).ToArray();
            foreach (var line in cells)
            {
                Console.WriteLine("    " + string.Join("  ", line.Select((cell, column) => column == 0 ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd());
            }

            foreach (var note in TableText.Notes(result))
            {
                Console.WriteLine($"    {note}");
            }
        }

        if (row.Targets.Count > 0)
        {
            Console.WriteLine("\n  targets");
            foreach (var target in row.Targets)
            {
                Console.WriteLine($"    {target.Verdict,-15} {TableText.Describe(target),-26} {target.Text}");
            }
        }
    }
}
