using Bench.Driver.Measuring;
using Bench.Driver.Processes;

namespace Bench.Driver.Contestants;

/// <summary>HAProxy: one thread a CPU, nothing logged.</summary>
internal abstract class Haproxy(string name) : Contestant(name)
{
    public override string? WhyUnavailable(Bench bench) => Missing("haproxy");

    public override Task<ServerProcess> StartAsync(Bench bench, int port, int upstream)
    {
        var configuration = $"""
            global
                nbthread {Machine.CpuCount}
                maxconn 6000
                maxpipes 1500
                {Global()}
            defaults
                timeout connect 5s
                timeout client 1h
                timeout server 1h
                timeout tunnel 1h
            {Section(port, upstream)}

            """;
        var path = bench.Paths.Write($"haproxy-{port}.cfg", configuration);
        return ServerProcess.StartAsync(bench, new ServerCommand(Name, port, Tool.Find("haproxy")!, ["-db", "-f", path]));
    }

    protected virtual string Global() => "";

    protected abstract string Section(int port, int upstream);
}
