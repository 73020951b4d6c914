using System.Globalization;
using System.Text.RegularExpressions;
using Bench.Driver.Measuring;
using Bench.Driver.Processes;

namespace Bench.Driver.Loads;

/// <summary>pgbench -S: one SELECT by primary key for each transaction, as prepared statements.</summary>
internal static partial class Pgbench
{
    public static async Task<Sample> RunAsync(Bench bench, int port, int clients, int seconds)
    {
        string[] arguments =
        [
            "-h", "127.0.0.1", "-p", port.ToString(CultureInfo.InvariantCulture), "-U", "bench", "-S", "-n", "-M", "prepared",
            "-c", clients.ToString(CultureInfo.InvariantCulture), "-j", "1", "-T", seconds.ToString(CultureInfo.InvariantCulture), "bench",
        ];
        bench.Commands.Add([], "pgbench", arguments);
        var output = await Tool.RunAsync("pgbench", arguments);
        return new Sample
        {
            ["requests"] = Read(Transactions(), output),
            [Metric.PerSecond.Key] = Read(Rate(), output),
            ["averageUs"] = Read(Latency(), output) * 1000,
        };
    }

    private static double Read(Regex pattern, string output) => pattern.Match(output) is { Success: true } match
        ? double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
        : throw new BenchException($"pgbench said nothing that can be read: {output}");

    [GeneratedRegex(@"transactions actually processed: (\d+)")]
    private static partial Regex Transactions();

    [GeneratedRegex(@"tps = ([\d.]+)")]
    private static partial Regex Rate();

    [GeneratedRegex(@"latency average = ([\d.]+) ms")]
    private static partial Regex Latency();
}
