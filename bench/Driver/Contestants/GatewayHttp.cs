namespace Bench.Driver.Contestants;

/// <summary>The product with one HTTP route.</summary>
internal sealed class GatewayHttp(string name) : DotnetContestant(name)
{
    protected override string Assembly(BenchPaths paths) => paths.Gateway;

    protected override IEnumerable<string> Arguments(Bench bench, int port, int upstream) =>
        ["--config", bench.Paths.Write($"gateway-{port}.json", GatewayConfiguration.Http(port, upstream).ToJsonString())];
}
