using System.Net.Sockets;

namespace Soak.Loads;

/// <summary>An upstream that sends and resets: what arrives are the first of its bytes, and then RST, never FIN.</summary>
internal sealed class UpstreamResetLoad : ILoad
{
    public string Name => "upstream resets";

    public int Weight => 10;

    public async Task<long> RunAsync(int port, Random random, CancellationToken cancellationToken)
    {
        var exchange = new Exchange(ExchangeKind.UpstreamResets, 0, LoadConnection.DrawSize(random), random.Next());
        using var socket = await LoadConnection.OpenAsync(port, exchange, cancellationToken);
        var received = await Received.ToEndAsync(socket, cancellationToken);
        await received.VerifyAsync(exchange.SeedOfUpstream, cancellationToken);
        return received.IsReset
            ? received.Count
            : throw new WrongBytesException($"FIN instead of RST, after {received.Count} of {exchange.FromUpstream} bytes");
    }
}
