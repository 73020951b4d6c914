using System.Net.Sockets;

namespace Soak.Loads;

/// <summary>A client that breaks off in the middle. The upstream complains if that looks like an end to it.</summary>
internal sealed class ClientResetLoad : ILoad
{
    public string Name => "client resets";

    public int Weight => 10;

    public async Task<long> RunAsync(int port, Random random, CancellationToken cancellationToken)
    {
        var announced = LoadConnection.DrawSize(random) + 1;
        var exchange = new Exchange(ExchangeKind.ClientFirst, announced, 0, random.Next());
        using var socket = await LoadConnection.OpenAsync(port, exchange, cancellationToken);
        var sent = random.NextInt64(announced);
        await using (var stream = new NetworkStream(socket))
        {
            _ = await HashPump.SendAsync(stream, sent, exchange.Seed, cancellationToken);
        }

        socket.LingerState = new LingerOption(true, 0);
        return sent;
    }
}
