using System.Diagnostics;

namespace Bench.Driver.Reporting;

/// <summary>Says on the terminal what is going on, so that nobody wonders whether it hangs.</summary>
internal static class RunProgress
{
    private static readonly Stopwatch s_clock = Stopwatch.StartNew();

    public static void Heading(string text) => Console.WriteLine($"\n== {text}");

    public static void Step(string text) => Console.WriteLine($"[{s_clock.Elapsed:mm\\:ss}] {text}");

    public static void Note(string text) => Console.WriteLine($"        {text}");
}
