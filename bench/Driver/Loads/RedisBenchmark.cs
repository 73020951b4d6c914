using System.Globalization;
using Bench.Driver.Measuring;
using Bench.Driver.Processes;

namespace Bench.Driver.Loads;

/// <summary>redis-benchmark, GET.</summary>
internal static class RedisBenchmark
{
    public static async Task<Sample> RunAsync(Bench bench, int port, int pipeline, int requests)
    {
        string[] arguments =
        [
            "-h", "127.0.0.1", "-p", port.ToString(CultureInfo.InvariantCulture), "-c", "50", "-n", requests.ToString(CultureInfo.InvariantCulture),
            "-P", pipeline.ToString(CultureInfo.InvariantCulture), "-t", "get", "-d", "100", "--csv",
        ];
        bench.Commands.Add([], "redis-benchmark", arguments);
        var output = await Tool.RunAsync("redis-benchmark", arguments);
        // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
        var line = output.Split('\n').FirstOrDefault(static line => line.StartsWith("\"GET\"", StringComparison.Ordinal))
            ?? throw new BenchException($"redis-benchmark said nothing that can be read: {output}");
        var fields = line.Split(',').Select(static field => field.Trim('"', '\r')).ToArray();
        double Field(int index) => double.Parse(fields[index], CultureInfo.InvariantCulture);
        return new Sample
        {
            ["requests"] = requests,
            [Metric.PerSecond.Key] = Field(1),
            [Metric.P50.Key] = Field(4) * 1000,
            [Metric.P99.Key] = Field(6) * 1000,
            [Metric.Worst.Key] = Field(7) * 1000,
        };
    }
}
