using System.Diagnostics;
using Bench.Driver.Processes;

namespace Bench.Driver.Measuring;

/// <summary>Adds to a load's own figures what it cost: the server's CPU, the whole machine's, the load generator's.</summary>
internal static class Meter
{
    /// <summary>Below this many ticks of 10 ms a per-request figure would be a guess.</summary>
    private const double LeastSeconds = 0.05;

    public static async Task<Sample> MeasureAsync(ServerProcess? server, Func<Task<Sample>> load, ServerProcess? upstream = null)
    {
        var serverBefore = server?.CpuSeconds ?? 0;
        var upstreamBefore = upstream?.CpuSeconds ?? 0;
        var busyBefore = Machine.BusySeconds();
        var loadBefore = ProcessTree.EndedChildrenCpuSeconds();
        var clock = Stopwatch.StartNew();
        var sample = await load();
        var seconds = clock.Elapsed.TotalSeconds;
        var busy = Machine.BusySeconds() - busyBefore;
        var serverCpu = (server?.CpuSeconds ?? 0) - serverBefore;
        var loadCpu = ProcessTree.EndedChildrenCpuSeconds() - loadBefore;

        sample[Metric.BusySeconds.Key] = busy;
        sample[Metric.LoadCores.Key] = loadCpu / seconds;
        if (upstream is not null)
        {
            sample[Metric.UpstreamCores.Key] = (upstream.CpuSeconds - upstreamBefore) / seconds;
        }

        if (server is not null)
        {
            sample[Metric.ServerCpuSeconds.Key] = serverCpu;
            sample[Metric.ServerCores.Key] = serverCpu / seconds;
            sample[Metric.Resident.Key] = ProcessTree.ResidentBytes(server.Members) / 1048576.0;
        }

        if (server is not null && serverCpu >= LeastSeconds && sample.TryGetValue("bytes", out var bytes) && bytes > 0)
        {
            sample[Metric.CpuPerGigabyte.Key] = serverCpu / (bytes / 1e9);
        }

        if (sample.TryGetValue("requests", out var requests) && requests > 0)
        {
            sample[Metric.BusyPerRequest.Key] = busy * 1e6 / requests;
            if (server is not null && serverCpu >= LeastSeconds)
            {
                sample[Metric.ServerCpu.Key] = serverCpu * 1e6 / requests;
            }
        }

        return sample;
    }
}
