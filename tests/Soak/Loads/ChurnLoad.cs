namespace Soak.Loads;

/// <summary>Connections of one short message each, one after another.</summary>
internal sealed class ChurnLoad : ILoad
{
    private const int Connections = 10;
    private const int MessageSize = 100;

    public string Name => "churn";

    public int Weight => 15;

    public async Task<long> RunAsync(int port, Random random, CancellationToken cancellationToken)
    {
        var message = new byte[MessageSize];
        var answer = new byte[MessageSize];
        for (var i = 0; i < Connections; i++)
        {
            using var socket = await LoadConnection.OpenAsync(port, new Exchange(ExchangeKind.Echo, 0, 0, 0), cancellationToken);
            random.NextBytes(message);
            await socket.SendAllAsync(message, cancellationToken);
            await socket.ReceiveExactlyAsync(answer, cancellationToken);
            if (!answer.AsSpan().SequenceEqual(message))
            {
                throw new WrongBytesException("the answer is not what was sent");
            }
        }

        return 2 * Connections * MessageSize;
    }
}
