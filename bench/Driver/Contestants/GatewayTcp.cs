namespace Bench.Driver.Contestants;

/// <summary>The product with one TCP route in one mode.</summary>
internal sealed class GatewayTcp(string mode) : DotnetContestant($"gateway {mode}")
{
    public static readonly string[] Modes = ["Copy", "Splice", "Sockmap", "Auto"];

    protected override string Assembly(BenchPaths paths) => paths.Gateway;

    protected override IEnumerable<string> Arguments(Bench bench, int port, int upstream) =>
        ["--config", bench.Paths.Write($"gateway-{port}.json", GatewayConfiguration.Tcp(mode, port, upstream, bench.Ports.Take()).ToJsonString())];
}
