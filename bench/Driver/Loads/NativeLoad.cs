using System.Globalization;
using System.Text.Json;
using Bench.Driver.Measuring;
using Bench.Driver.Processes;

namespace Bench.Driver.Loads;

/// <summary>The load generators of bench/native; each prints one line of JSON.</summary>
internal static class NativeLoad
{
    public static Task<Sample> RequestResponseAsync(Bench bench, int port, int connections, int bytes, int durationMs, int warmUpMs = 0, int rate = 0)
    {
        List<(string, long)> options = [("port", port), ("connections", connections), ("bytes", bytes), ("duration-ms", durationMs)];
        if (warmUpMs > 0)
        {
            options.Add(("warmup-ms", warmUpMs));
        }

        if (rate > 0)
        {
            options.Add(("rate", rate));
        }

        return RunAsync(bench, "rr-load", options);
    }

    public static Task<Sample> BulkAsync(Bench bench, int port, int connections, long bytes) =>
        RunAsync(bench, "bulk-send", [("port", port), ("connections", connections), ("bytes", bytes)]);

    public static Task<Sample> ConnectAsync(Bench bench, int port, int connections, int durationMs) =>
        RunAsync(bench, "connect-load", [("port", port), ("connections", connections), ("bytes", 100), ("duration-ms", durationMs)]);

    public static Task<Sample> GetFileAsync(Bench bench, int port, string name, long bytes, int connections, int durationMs) => RunAsync(
        bench, "http-get", ["--path", $"/{name}", .. Arguments([("port", port), ("bytes", bytes), ("connections", connections), ("duration-ms", durationMs)])]);

    public static Task<HeldTool> HoldIdleAsync(Bench bench, int port, int connections) =>
        HeldTool.StartAsync(bench, bench.Paths.Native("idle-hold"), Arguments([("port", port), ("connections", connections)]));

    public static Task<HeldTool> HoldStalledAsync(Bench bench, int port, int connections, int quietMs) =>
        HeldTool.StartAsync(bench, bench.Paths.Native("stall"), Arguments([("port", port), ("connections", connections), ("quiet-ms", quietMs)]));

    public static Sample Parse(string line)
    {
        var sample = new Sample();
        using var document = JsonDocument.Parse(line);
        foreach (var property in document.RootElement.EnumerateObject())
        {
            sample[property.Name] = property.Value.ValueKind switch
            {
                JsonValueKind.True => 1,
                JsonValueKind.False => 0,
                _ => property.Value.GetDouble(),
            };
        }

        return sample;
    }

    private static Task<Sample> RunAsync(Bench bench, string program, IEnumerable<(string Name, long Value)> options) =>
        RunAsync(bench, program, Arguments(options));

    private static async Task<Sample> RunAsync(Bench bench, string program, string[] arguments)
    {
        var path = bench.Paths.Native(program);
        bench.Commands.Add([], path, arguments);
        return Parse(await Tool.RunAsync(path, arguments));
    }

    private static string[] Arguments(IEnumerable<(string Name, long Value)> options) =>
        [.. options.SelectMany(static option => new[] { $"--{option.Name}", option.Value.ToString(CultureInfo.InvariantCulture) })];
}
