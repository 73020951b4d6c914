using System.Diagnostics;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>What a pause of the gateway's process does to established sessions: nothing in mode Sockmap.</summary>
public sealed class PauseTests : IDisposable
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);

    private readonly TcpUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    public void Dispose() => _upstream.Dispose();

    [RequiresBpfTheory]
    [InlineData(128)]
    [InlineData(16 * 1024)]
    public async Task Sockmap_sessions_do_not_notice_that_the_process_is_stopped(int answerSize)
    {
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Sockmap", _port, _upstream.Port));
        using var load = await RequestResponseLoad.StartAsync(_port, _upstream, connections: 8, answerSize);
        var worst = new List<TimeSpan>();
        for (var i = 0; i < 8; i++)
        {
            worst.Add((await PauseAsync(gateway, load, s_pause)).Max());
            await Task.Delay(s_pause / 4);
        }

        // The machine may run other things that keep these threads waiting, but not in every round.
        worst.Sort();
        Assert.True(worst[1] <= TimeSpan.FromMilliseconds(10), $"worst latency of each pause: {string.Join(", ", worst)}\n{gateway.Program.Everything}");
        Assert.True(worst[4] <= s_pause / 4, $"worst latency of each pause: {string.Join(", ", worst)}");
    }

    [RequiresBpfFact]
    public async Task Sockmap_sessions_go_on_while_the_process_is_stopped_for_three_seconds()
    {
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Sockmap", _port, _upstream.Port));
        using var load = await RequestResponseLoad.StartAsync(_port, _upstream, connections: 8, answerSize: 16 * 1024);
        var started = Stopwatch.GetTimestamp();
        await Task.Delay(TimeSpan.FromSeconds(1));
        var undisturbed = load.Since(started).Length;

        var exchanges = (await PauseAsync(gateway, load, TimeSpan.FromSeconds(3))).Length;

        Assert.True(exchanges > undisturbed, $"{exchanges} exchanges in the three seconds, {undisturbed} in one second before");
    }

    [Fact]
    public async Task Copy_sessions_wait_as_long_as_the_process_is_stopped()
    {
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Copy", _port, _upstream.Port));
        using var load = await RequestResponseLoad.StartAsync(_port, _upstream, connections: 8, answerSize: 128);
        Assert.True((await PauseAsync(gateway, load, s_pause)).Max() > s_pause / 2);
    }

    [RequiresBpfFact]
    public async Task Garbage_collections_do_not_show_in_Sockmap_sessions()
    {
        await using var quiet = await Gateway.StartAsync(GatewayConfiguration.Tcp("Sockmap", _port, _upstream.Port));
        var reference = await MeasureAsync(_port);

        var port = FreePort.Next();
        await using var collecting = await Gateway.StartAsync(
            GatewayConfiguration.Tcp("Sockmap", port, _upstream.Port),
            new Dictionary<string, string>
            {
                ["DOTNET_STARTUP_HOOKS"] = typeof(PauseTests).Assembly.Location,
                [StartupHook.CollectVariable] = "1",
            });
        var measured = await MeasureAsync(port);

        // Collecting takes a processor from the machine, which is not the relay's doing: a collection of this heap pauses for 50 ms and more.
        Assert.True(measured <= (reference * 1.5) + TimeSpan.FromMilliseconds(10), $"p99.9 was {measured}, without collections {reference}");
    }

    private async Task<TimeSpan> MeasureAsync(int port)
    {
        using var load = await RequestResponseLoad.StartAsync(port, _upstream, connections: 2, answerSize: 128);
        var started = Stopwatch.GetTimestamp();
        await Task.Delay(TimeSpan.FromSeconds(3));
        var times = load.Since(started).Order().ToArray();
        return times[(int)(times.Length * 0.999)];
    }

    /// <summary>Stops the gateway for a while; the times of the exchanges that ended in this while or shortly after.</summary>
    private static async Task<TimeSpan[]> PauseAsync(Gateway gateway, RequestResponseLoad load, TimeSpan pause)
    {
        var started = Stopwatch.GetTimestamp();
        gateway.Program.Suspend();
        await Task.Delay(pause);
        gateway.Program.Resume();
        await Task.Delay(pause / 4);
        return load.Since(started);
    }
}
