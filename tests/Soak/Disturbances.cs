using System.Collections.Concurrent;

namespace Soak;

/// <summary>Reloads the configuration and kills the upstreams in turn, and knows when an error is no wonder.</summary>
internal sealed class Disturbances(SoakGateway gateway, UpstreamProcess[] upstreams)
{
    private static readonly TimeSpan s_reloadInterval = TimeSpan.FromSeconds(7);
    private static readonly TimeSpan s_killInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_downTime = TimeSpan.FromSeconds(2);

    /// <summary>How long after the new start a connection may still be told of the old one's end.</summary>
    private static readonly TimeSpan s_aftermath = TimeSpan.FromSeconds(2);

    private readonly ConcurrentQueue<(DateTime From, DateTime To)> _outages = new();
    private DateTime _outageSince = DateTime.MaxValue;

    public int Reloads { get; private set; }

    public int Kills { get; private set; }

    /// <summary>Whether an upstream was down at some moment between the two.</summary>
    public bool WasOutage(DateTime from, DateTime to) =>
        to >= _outageSince || _outages.Any(outage => from <= outage.To && to >= outage.From);

    public Task RunAsync(CancellationToken cancellationToken) => Task.WhenAll(ReloadAsync(cancellationToken), KillAsync(cancellationToken));

    private async Task ReloadAsync(CancellationToken cancellationToken)
    {
        while (await PauseAsync(s_reloadInterval, cancellationToken))
        {
            await gateway.ReloadAsync();
            Reloads++;
        }
    }

    private async Task KillAsync(CancellationToken cancellationToken)
    {
        while (await PauseAsync(s_killInterval, cancellationToken))
        {
            var upstream = upstreams[Kills++ % upstreams.Length];
            _outageSince = DateTime.UtcNow;
            await upstream.KillAsync();
            _ = await PauseAsync(s_downTime, cancellationToken);
            await upstream.StartAsync();
            _outages.Enqueue((_outageSince, DateTime.UtcNow + s_aftermath));
            _outageSince = DateTime.MaxValue;
        }
    }

    private static async Task<bool> PauseAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        await Task.Delay(time, cancellationToken).ContinueWith(static _ => { }, TaskScheduler.Default);
        return !cancellationToken.IsCancellationRequested;
    }
}
