using System.Globalization;
using Bench.Driver.Measuring;
using Bench.Driver.Processes;

namespace Bench.Driver.Contestants;

/// <summary>The bare epoll responder of bench/native.</summary>
internal sealed class HttpFloor(string name, int requestsPerConnection = 0) : Contestant(name)
{
    public override Task<ServerProcess> StartAsync(Bench bench, int port, int upstream) =>
        ServerProcess.StartAsync(bench, new ServerCommand(Name, port, bench.Paths.Native("http-responder"),
        [
            "--port", port.ToString(CultureInfo.InvariantCulture),
            "--threads", Machine.CpuCount.ToString(CultureInfo.InvariantCulture),
            "--requests-per-connection", requestsPerConnection.ToString(CultureInfo.InvariantCulture),
        ]));
}
