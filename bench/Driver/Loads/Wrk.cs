using System.Globalization;
using System.Text.RegularExpressions;
using Bench.Driver.Measuring;
using Bench.Driver.Processes;

namespace Bench.Driver.Loads;

/// <summary>wrk with one thread: on a small machine the rest is for the server.</summary>
internal static partial class Wrk
{
    public static async Task<Sample> RunAsync(Bench bench, int port, int connections, double seconds)
    {
        // wrk counts in whole seconds.
        string[] arguments =
        [
            "-t1", $"-c{connections}", $"-d{Math.Max(1, (int)Math.Round(seconds))}s", "--latency", $"http://127.0.0.1:{port}/",
        ];
        bench.Commands.Add([], "wrk", arguments);
        var output = await Tool.RunAsync("wrk", arguments);
        var totals = Totals().Match(output);
        if (!totals.Success)
        {
            throw new BenchException($"wrk said nothing that can be read: {output}");
        }

        if (Errors().Match(output) is { Success: true } errors)
        {
            throw new BenchException($"wrk met errors: {errors.Value.Trim()}");
        }

        var requests = double.Parse(totals.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        if (requests == 0)
        {
            throw new BenchException("wrk completed no request.");
        }

        var sample = new Sample
        {
            ["requests"] = requests,
            [Metric.PerSecond.Key] = double.Parse(Rate().Match(output).Groups[1].ValueSpan, CultureInfo.InvariantCulture),
        };
        foreach (Match match in Percentiles().Matches(output))
        {
            var metric = match.Groups[1].Value == "50" ? Metric.P50 : Metric.P99;
            sample[metric.Key] = double.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture) * (match.Groups[3].Value switch
            {
                "us" => 1,
                "ms" => 1e3,
                _ => 1e6,
            });
        }

        return sample;
    }

    [GeneratedRegex(@"(\d+) requests in")]
    private static partial Regex Totals();

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex Rate();

    [GeneratedRegex(@"^\s+(50|99)%\s+([\d.]+)(us|ms|s)", RegexOptions.Multiline)]
    private static partial Regex Percentiles();

    [GeneratedRegex(@"(Socket errors: connect [1-9].*|Socket errors:.*timeout [1-9].*|Non-2xx.*)")]
    private static partial Regex Errors();
}
