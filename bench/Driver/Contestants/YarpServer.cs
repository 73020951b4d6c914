namespace Bench.Driver.Contestants;

/// <summary>YARP with nothing around it, on our transport or on Kestrel's own.</summary>
internal sealed class YarpServer(string name, bool onLinuxTransport) : DotnetContestant(name)
{
    protected override string Assembly(BenchPaths paths) => paths.YarpServer;

    protected override IEnumerable<string> Arguments(Bench bench, int port, int upstream) =>
    [
        "--transport", onLinuxTransport ? "linux" : "sockets",
        "--config", bench.Paths.Write($"yarp-{port}.json", GatewayConfiguration.Http(port, upstream).ToJsonString()),
    ];
}
