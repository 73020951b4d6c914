using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Start;

/// <summary>A gateway whose event loop fails ends with an exit code that makes its supervisor start it again.</summary>
public sealed class LoopFailureTests
{
    [Fact]
    public async Task EventLoopFails_GatewayStopsWithExitCode1AndSaysWhy()
    {
        using var folder = new TemporaryFolder("loop-failure");
        var trigger = folder["now"];
        var port = FreePort.Next();
        await using var upstream = await HttpUpstream.StartAsync();
        var configuration = GatewayConfiguration.Http(
            upstream.Address, new() { ["http"] = GatewayConfiguration.Endpoint($"http://127.0.0.1:{port}") });
        await using var gateway = await Gateway.StartAsync(
            configuration,
            new Dictionary<string, string>
            {
                ["DOTNET_STARTUP_HOOKS"] = typeof(LoopFailureTests).Assembly.Location,
                [StartupHook.TriggerVariable] = trigger,
            },
            "--LinuxTransport:ThreadCount=1");
        gateway.LeaveUnchecked();

        await File.WriteAllTextAsync(trigger, "");
        // A connection wakes the loop, which then waits again, and can't. By then the gateway may be gone.
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(1) };
        var exited = gateway.Program.WaitForExitAsync();
        while (!exited.IsCompleted)
        {
            await Task.WhenAny(exited, Record.ExceptionAsync(() => client.GetAsync(new Uri($"http://127.0.0.1:{port}/"))));
        }

        Assert.Equal(1, await exited);
        Assert.Contains("Event loop 0 cannot go on", gateway.Program.Output, StringComparison.Ordinal);
        Assert.Contains("Stopped because an event loop failed: epoll_wait failed for event loop 0: Invalid argument (errno 22)",
            gateway.Program.Error, StringComparison.Ordinal);
    }
}
