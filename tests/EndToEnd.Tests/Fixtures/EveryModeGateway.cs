using Testing;
using Xunit;

namespace EndToEnd.Tests.Fixtures;

/// <summary>One gateway with a route for each mode, at most 20,000 descriptors, and the destination of all routes.</summary>
public sealed class EveryModeGateway : IAsyncLifetime
{
    public const int DescriptorLimit = 20_000;

    private readonly EchoUpstream _upstream = new();
    private Gateway? _gateway;

    public static IReadOnlyList<string> Modes { get; } = ["Copy", "Splice", "Auto", "Sockmap"];

    internal Gateway Gateway => _gateway!;

    public IReadOnlyDictionary<string, int> Ports { get; } = Modes.ToDictionary(static mode => mode, static _ => FreePort.Next());

    public async Task InitializeAsync() => _gateway = await Gateway.StartUnderAsync(
        [Programs.Require("prlimit"), $"--nofile={DescriptorLimit}:{DescriptorLimit}"], GatewayConfiguration.Tcp(Ports, _upstream.Port));

    public async Task DisposeAsync()
    {
        _upstream.Dispose();
        if (_gateway is not null)
        {
            await _gateway.DisposeAsync();
        }
    }
}
