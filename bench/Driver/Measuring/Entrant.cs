using Bench.Driver.Processes;

namespace Bench.Driver.Measuring;

/// <summary>A contestant that is up: where to send the load, and whose CPU to count. The direct connection has no server of its own.</summary>
internal sealed record Entrant(string Name, int Port, ServerProcess? Server) : IAsyncDisposable
{
    public ValueTask DisposeAsync() => Server?.DisposeAsync() ?? ValueTask.CompletedTask;
}
