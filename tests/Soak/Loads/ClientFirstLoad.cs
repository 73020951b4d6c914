using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Soak.Loads;

/// <summary>An upload, a half-close, and the answer: the hash of the upload, and a download.</summary>
internal sealed class ClientFirstLoad : ILoad
{
    public string Name => "client first";

    public int Weight => 25;

    public async Task<long> RunAsync(int port, Random random, CancellationToken cancellationToken)
    {
        var exchange = new Exchange(
            ExchangeKind.ClientFirst, LoadConnection.DrawSize(random), LoadConnection.DrawSize(random), random.Next());
        using var socket = await LoadConnection.OpenAsync(port, exchange, cancellationToken);
        var sent = await HashPump.SendAndFinishAsync(socket, exchange.FromClient, exchange.Seed, cancellationToken);
        var hash = new byte[SHA256.HashSizeInBytes * 2];
        await socket.ReceiveExactlyAsync(hash, cancellationToken);
        if (Encoding.ASCII.GetString(hash) != sent)
        {
            throw new WrongBytesException("the upstream received other bytes than the client sent");
        }

        return exchange.FromClient + await LoadConnection.ReceiveAllAsync(
            socket, exchange.FromUpstream, exchange.SeedOfUpstream, cancellationToken);
    }
}
