namespace Bench.Driver.Contestants;

/// <summary>
/// The product with a TCP route and an HTTP route, and a garbage collector that is made to stop the process often: a generation 0 of 1 MiB
/// and no background collection. The HTTP load that allocates comes from the row.
/// </summary>
internal sealed class GatewayUnderCollection(string mode, int httpPort, int httpUpstream) : DotnetContestant($"gateway {mode}")
{
    protected override string Assembly(BenchPaths paths) => paths.Gateway;

    protected override IEnumerable<string> Arguments(Bench bench, int port, int upstream) =>
        ["--config", bench.Paths.Write($"gateway-{port}.json", GatewayConfiguration.Tcp(mode, port, upstream, httpPort, httpUpstream).ToJsonString())];

    // Both are hexadecimal, as all DOTNET_ settings of the collector are.
    protected override Dictionary<string, string> Environment(int port) => new() { ["DOTNET_GCgen0size"] = "100000", ["DOTNET_gcConcurrent"] = "0" };
}
