using Bench.Driver.Processes;

namespace Bench.Driver;

/// <summary>What every part of a run needs.</summary>
internal sealed class Bench(BenchOptions options, BenchPaths paths, CommandLog commands, Ports ports)
{
    private const int FullRounds = 5;

    public BenchOptions Options { get; } = options;

    public BenchPaths Paths { get; } = paths;

    public CommandLog Commands { get; } = commands;

    public Ports Ports { get; } = ports;

    public bool Quick => Options.Quick;

    /// <summary>Rounds for each case of the row that runs.</summary>
    public int Rounds { get; private set; }

    public void SetRounds(int quick) => Rounds = Options.Rounds ?? (Quick ? quick : FullRounds);

    public T Pick<T>(T quick, T full) => Quick ? quick : full;
}
