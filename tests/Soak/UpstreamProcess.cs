using System.Globalization;

namespace Soak;

/// <summary>An upstream that can be killed and started again on the same ports.</summary>
internal sealed class UpstreamProcess : IAsyncDisposable
{
    private readonly List<string> _complaints = [];
    private RunningProgram? _program;

    public int TcpPort { get; } = FreePort.Next();

    public int HttpPort { get; } = FreePort.Next();

    /// <summary>What it found wrong, in all of its lives.</summary>
    public IEnumerable<string> Complaints => [.. _complaints, .. ComplaintsOf(_program)];

    public async Task StartAsync()
    {
        _program = RunningProgram.Start(Programs.DotnetHost,
        [
            typeof(UpstreamProcess).Assembly.Location,
            "upstream",
            TcpPort.ToString(CultureInfo.InvariantCulture),
            HttpPort.ToString(CultureInfo.InvariantCulture),
        ]);
        await _program.WaitForOutputAsync(UpstreamServer.Ready);
    }

    public async Task KillAsync()
    {
        _complaints.AddRange(ComplaintsOf(_program));
        await _program!.DisposeAsync();
        _program = null;
    }

    public ValueTask DisposeAsync() => _program?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static IEnumerable<string> ComplaintsOf(RunningProgram? program) =>
        program is null ? [] : program.Output.Split('\n').Where(static line => line.StartsWith(UpstreamServer.Complaint, StringComparison.Ordinal));
}
