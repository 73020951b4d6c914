using System.Net.Sockets;

namespace Soak.Loads;

/// <summary>A download that the upstream ends with FIN, then an upload; in every other case both at once.</summary>
internal sealed class UpstreamFirstLoad : ILoad
{
    public string Name => "upstream first";

    public int Weight => 20;

    public async Task<long> RunAsync(int port, Random random, CancellationToken cancellationToken)
    {
        var exchange = new Exchange(
            ExchangeKind.UpstreamFirst, LoadConnection.DrawSize(random), LoadConnection.DrawSize(random), random.Next());
        using var socket = await LoadConnection.OpenAsync(port, exchange, cancellationToken);
        if (random.Next(2) == 0)
        {
            var receiving = LoadConnection.ReceiveAllAsync(socket, exchange.FromUpstream, exchange.SeedOfUpstream, cancellationToken);
            var sending = HashPump.SendAndFinishAsync(socket, exchange.FromClient, exchange.Seed, cancellationToken);
            await Task.WhenAll(receiving, sending);
        }
        else
        {
            await LoadConnection.ReceiveAllAsync(socket, exchange.FromUpstream, exchange.SeedOfUpstream, cancellationToken);
            await HashPump.SendAndFinishAsync(socket, exchange.FromClient, exchange.Seed, cancellationToken);
        }

        return exchange.FromClient + exchange.FromUpstream;
    }
}
