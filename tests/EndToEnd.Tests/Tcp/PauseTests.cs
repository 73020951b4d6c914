using System.Diagnostics;
using EndToEnd.Tests.Fixtures;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>What a pause of the gateway's process does to established sessions: nothing in mode Sockmap.</summary>
public sealed class PauseTests : IDisposable
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_worst = TimeSpan.FromMilliseconds(10);

    private static readonly Dictionary<string, string> s_collecting = new()
    {
        ["DOTNET_STARTUP_HOOKS"] = typeof(PauseTests).Assembly.Location,
        [StartupHook.CollectVariable] = "1",
    };

    private readonly TcpUpstream _upstream = new();
    private readonly int _port = FreePort.Next();

    public void Dispose() => _upstream.Dispose();

    [RequiresBpfTheory]
    [InlineData(128)]
    [InlineData(16 * 1024)]
    public async Task Sockmap_sessions_do_not_notice_that_the_process_is_stopped_half_of_the_time(int answerSize)
    {
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Sockmap", _port, _upstream.Port));
        using var load = await RequestResponseLoad.StartAsync(_port, _upstream, connections: 4, answerSize);
        await AssertUnnoticedAsync(gateway, load, s_pause, rounds: 3);
    }

    [RequiresBpfFact]
    public async Task Sockmap_sessions_do_not_notice_that_the_process_is_stopped_for_three_seconds()
    {
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Sockmap", _port, _upstream.Port));
        using var load = await RequestResponseLoad.StartAsync(_port, _upstream, connections: 4, answerSize: 16 * 1024);
        await AssertUnnoticedAsync(gateway, load, TimeSpan.FromSeconds(3), rounds: 1);
    }

    [Fact]
    public async Task Copy_sessions_wait_as_long_as_the_process_is_stopped()
    {
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp("Copy", _port, _upstream.Port));
        using var load = await RequestResponseLoad.StartAsync(_port, _upstream, connections: 4, answerSize: 128);
        Assert.True((await PauseAsync(gateway, load, s_pause)).Max() > s_pause / 2);
    }

    [RequiresBpfFact]
    public async Task Garbage_collections_show_in_Copy_sessions_and_not_in_Sockmap_sessions()
    {
        // The collections take processors from everybody, which is not the relay's doing; but only Copy waits for their end. What else runs on the
        // machine may spoil a comparison, not three.
        var comparisons = new List<(TimeSpan Sockmap, TimeSpan Copy)>();
        do
        {
            comparisons.Add((await MeasureUnderCollectionsAsync("Sockmap"), await MeasureUnderCollectionsAsync("Copy")));
        }
        while (comparisons[^1].Sockmap >= comparisons[^1].Copy / 2 && comparisons.Count < 3);

        Assert.True(comparisons[^1].Sockmap < comparisons[^1].Copy / 2, $"p99.9 in the modes Sockmap and Copy: {string.Join("; ", comparisons)}");
    }

    /// <summary>
    /// The worst latency in the pauses is at most 10 ms and the throughput is kept, or, where other programs hold up this one's threads, neither is
    /// worse than between the pauses. Chance decides each such comparison; a relay that waits for the process loses all of them.
    /// </summary>
    private static async Task AssertUnnoticedAsync(Gateway gateway, RequestResponseLoad load, TimeSpan pause, int rounds)
    {
        var attempts = new List<string>();
        for (var i = 0; i < 8; i++)
        {
            var (paused, undisturbed) = (new List<TimeSpan>(), new List<TimeSpan>());
            for (var round = 0; round < rounds; round++)
            {
                paused.AddRange(await PauseAsync(gateway, load, pause));
                var started = Stopwatch.GetTimestamp();
                await Task.Delay(pause + (pause / 4));
                undisturbed.AddRange(load.Since(started));
            }

            var limit = undisturbed.Max() > s_worst ? undisturbed.Max() : s_worst;
            if (paused.Max() <= limit && paused.Max() < pause / 2 && paused.Count >= undisturbed.Count * 0.8)
            {
                return;
            }

            attempts.Add($"worst {paused.Max().TotalMilliseconds} ms, {paused.Count} exchanges; " +
                $"undisturbed {undisturbed.Max().TotalMilliseconds} ms, {undisturbed.Count} exchanges");
        }

        Assert.Fail(string.Join('\n', attempts));
    }

    private async Task<TimeSpan> MeasureUnderCollectionsAsync(string mode)
    {
        var port = FreePort.Next();
        await using var gateway = await Gateway.StartAsync(GatewayConfiguration.Tcp(mode, port, _upstream.Port), s_collecting);
        return await MeasureAsync(port);
    }

    /// <summary>p99.9 of four seconds.</summary>
    private async Task<TimeSpan> MeasureAsync(int port)
    {
        using var load = await RequestResponseLoad.StartAsync(port, _upstream, connections: 2, answerSize: 128);
        var started = Stopwatch.GetTimestamp();
        await Task.Delay(TimeSpan.FromSeconds(4));
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
