using System.Globalization;
using Bench.Driver.Processes;

namespace Bench.Driver.Contestants;

/// <summary>The servers behind the relays.</summary>
internal static class Upstreams
{
    public static Task<ServerProcess> RequestResponseAsync(Bench bench) => NativeAsync(bench, "rr-server");

    public static Task<ServerProcess> SinkAsync(Bench bench) => NativeAsync(bench, "bulk-sink");

    public static Task<ServerProcess> StalledAsync(Bench bench, bool alsoPushes)
    {
        var port = bench.Ports.Take();
        string[] push = alsoPushes ? ["--push"] : [];
        return ServerProcess.StartAsync(bench, new ServerCommand(
            "stalled reader", port, bench.Paths.Native("stall"), ["--listen", port.ToString(CultureInfo.InvariantCulture), .. push]));
    }

    public static Task<ServerProcess> HttpAsync(Bench bench) => new HttpFloor("upstream").StartAsync(bench, bench.Ports.Take(), 0);

    private static Task<ServerProcess> NativeAsync(Bench bench, string program)
    {
        var port = bench.Ports.Take();
        return ServerProcess.StartAsync(bench, new ServerCommand(
            program, port, bench.Paths.Native(program), ["--port", port.ToString(CultureInfo.InvariantCulture)]));
    }
}
