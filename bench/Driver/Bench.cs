using Bench.Driver.Processes;

namespace Bench.Driver;

/// <summary>What every part of a run needs.</summary>
internal sealed class Bench(BenchOptions options, BenchPaths paths, CommandLog commands, Ports ports)
{
    public BenchOptions Options { get; } = options;

    public BenchPaths Paths { get; } = paths;

    public CommandLog Commands { get; } = commands;

    public Ports Ports { get; } = ports;

    public bool Quick => Options.Quick;

    public int Rounds => Options.Rounds ?? (Quick ? 2 : 5);

    public T Pick<T>(T quick, T full) => Quick ? quick : full;
}
