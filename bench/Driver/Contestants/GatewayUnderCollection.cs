namespace Bench.Driver.Contestants;

/// <summary>The product with a TCP route, and bench/CollectionLoad in its process, which has the heap collected on demand.</summary>
internal sealed class GatewayUnderCollection(string mode) : DotnetContestant($"gateway {mode}")
{
    /// <summary>Where the gateway on a port is told to collect.</summary>
    public static string CollectionSocket(BenchPaths paths, int port) => Path.Combine(paths.Temporary, $"collections-{port}.sock");

    protected override string Assembly(BenchPaths paths) => paths.Gateway;

    protected override IEnumerable<string> Arguments(Bench bench, int port, int upstream) =>
        ["--config", bench.Paths.Write($"gateway-{port}.json", GatewayConfiguration.Tcp(mode, port, upstream, bench.Ports.Take()).ToJsonString())];

    protected override Dictionary<string, string> Environment(BenchPaths paths, int port) => new()
    {
        ["DOTNET_STARTUP_HOOKS"] = paths.CollectionLoad,
        ["BENCH_COLLECTIONS"] = CollectionSocket(paths, port),
    };
}
