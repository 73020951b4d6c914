using Bench.Driver.Processes;

namespace Bench.Driver.Contestants;

/// <summary>A .NET program of this repository.</summary>
internal abstract class DotnetContestant(string name) : Contestant(name)
{
    public override string? WhyUnavailable(Bench bench) =>
        File.Exists(Assembly(bench.Paths)) ? null : $"{Path.GetFileName(Assembly(bench.Paths))} has not been built";

    public override Task<ServerProcess> StartAsync(Bench bench, int port, int upstream) =>
        ServerProcess.StartAsync(bench, new ServerCommand(Name, port, "dotnet", [Assembly(bench.Paths), .. Arguments(bench, port, upstream)])
        {
            Environment = Environment(bench.Paths, port),
        });

    protected abstract string Assembly(BenchPaths paths);

    protected abstract IEnumerable<string> Arguments(Bench bench, int port, int upstream);

    protected virtual Dictionary<string, string> Environment(BenchPaths paths, int port) => [];
}
