using Testing;
using Xunit;

namespace EndToEnd.Tests.Fixtures;

/// <summary>A redis-server on a free loopback port, without persistence. Not started where it is not installed: the tests are skipped there.</summary>
public sealed class RedisServer : IAsyncLifetime
{
    private RunningProgram? _program;

    public int Port { get; } = FreePort.Next();

    public async Task InitializeAsync()
    {
        if (Programs.Find("redis-server") is not { } program)
        {
            return;
        }

        _program = RunningProgram.Start(program,
            ["--port", $"{Port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
        await Deadline.UntilListeningAsync(Port, () => _program.Everything);
    }

    public async Task DisposeAsync()
    {
        if (_program is not null)
        {
            await _program.DisposeAsync();
        }
    }
}
