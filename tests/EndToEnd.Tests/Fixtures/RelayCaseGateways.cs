using System.Collections.Concurrent;
using RelayCases;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Fixtures;

/// <summary>A gateway for each mode, with all routes that the black-box cases need; started by the first case that asks.</summary>
public sealed class RelayCaseGateways : IAsyncLifetime
{
    private readonly ConcurrentDictionary<string, Lazy<Task<(RelayTopology Topology, Gateway Gateway)>>> _started = new();

    public async Task<RelayTopology> GetAsync(string mode) =>
        (await _started.GetOrAdd(mode, static mode => new(() => StartAsync(mode))).Value).Topology;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var started in _started.Values)
        {
            var (topology, gateway) = await started.Value;
            topology.Dispose();
            await gateway.DisposeAsync();
        }
    }

    private static async Task<(RelayTopology Topology, Gateway Gateway)> StartAsync(string mode)
    {
        var topology = new RelayTopology(FreePort.Next);
        return (topology, await Gateway.StartAsync(GatewayRoutes.Of(topology, mode)));
    }
}
