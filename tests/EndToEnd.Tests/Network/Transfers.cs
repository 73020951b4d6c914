using EndToEnd.Tests.Fixtures;
using Testing;

namespace EndToEnd.Tests.Network;

/// <summary>A session of each mode with bytes that flow both ways for as long as the test wants.</summary>
internal sealed class Transfers : IDisposable
{
    private readonly CancellationTokenSource _timeout = new(Deadline.Default * 2);
    private readonly List<TcpSession> _sessions = [];
    private readonly List<Flow> _flows = [];

    private Transfers()
    {
    }

    public static async Task<Transfers> StartAsync(NetworkGateway gateway)
    {
        var transfers = new Transfers();
        foreach (var mode in NetworkGateway.Modes)
        {
            var session = await gateway.OpenAsync(mode, transfers._timeout.Token);
            transfers._sessions.Add(session);
            transfers.Add($"{mode}, upstream", session.Client, session.Server);
            transfers.Add($"{mode}, downstream", session.Server, session.Client);
        }

        return transfers;
    }

    /// <summary>Waits until so many bytes more have arrived in each direction of each session.</summary>
    public async Task ProgressAsync(long bytes)
    {
        var before = _flows.ConvertAll(static flow => flow.Received);
        await Deadline.UntilAsync(
            () => Task.FromResult(_flows.Zip(before).All(pair => pair.First.Received >= pair.Second + bytes)),
            () => $"expected {bytes} bytes more than {string.Join(", ", before)}: {this}");
    }

    /// <summary>Ends all; every byte has arrived.</summary>
    public Task FinishAsync() => Task.WhenAll(_flows.Select(static flow => flow.FinishAsync()));

    public void Dispose()
    {
        _timeout.Cancel();
        _sessions.ForEach(static session => session.Dispose());
        _timeout.Dispose();
    }

    public override string ToString() => string.Join("; ", _flows);

    private void Add(string name, System.Net.Sockets.Socket from, System.Net.Sockets.Socket to) =>
        _flows.Add(Flow.Start(name, from, to, seed: _flows.Count + 1, _timeout.Token));
}
