using Bench.Driver.Processes;
using RelayCases;

namespace Bench.Driver.Cases;

/// <summary>The product, every route in one mode.</summary>
internal sealed class GatewayCases(string mode) : CaseContestant($"gateway {mode}")
{
    public override string? WhyUnavailable(Bench bench) => File.Exists(bench.Paths.Gateway) ? null : "Demo.Gateway.dll has not been built";

    public override Task<ServerProcess> StartAsync(Bench bench, int port, int upstream)
    {
        var configuration = GatewayRoutes.Of(Topology!, mode);
        var path = bench.Paths.Write($"gateway-cases-{mode}.json", configuration.ToJsonString());
        return ServerProcess.StartAsync(bench, new ServerCommand(Name, port, "dotnet", [bench.Paths.Gateway, "--config", path]));
    }
}
