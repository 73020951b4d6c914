using Bench.Driver.Processes;

namespace Bench.Driver.Contestants;

/// <summary>Something that takes part: how to start it, with everything generated that it needs.</summary>
internal abstract class Contestant(string name)
{
    public string Name { get; } = name;

    /// <summary>Why this machine cannot run it, or <see langword="null"/>.</summary>
    public virtual string? WhyUnavailable(Bench bench) => null;

    /// <param name="bench">The run.</param>
    /// <param name="port">Where to listen.</param>
    /// <param name="upstream">The port to relay to; 0 for a server that answers by itself.</param>
    public abstract Task<ServerProcess> StartAsync(Bench bench, int port, int upstream);

    protected static string? Missing(string program) => Tool.Exists(program) ? null : $"{program} is not installed";
}
