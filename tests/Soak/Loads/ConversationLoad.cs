using System.Net.Sockets;

namespace Soak.Loads;

/// <summary>Questions and answers for some seconds: what mode Sockmap and Splice:PauseImmune are armed for. Now and then a large message.</summary>
internal sealed class ConversationLoad : ILoad
{
    private const int LargestMessage = 512 * 1024;

    public string Name => "conversation";

    public int Weight => 15;

    public async Task<long> RunAsync(int port, Random random, CancellationToken cancellationToken)
    {
        var exchange = new Exchange(ExchangeKind.Echo, 0, 0, random.Next());
        using var socket = await LoadConnection.OpenAsync(port, exchange, cancellationToken);
        var message = new byte[LargestMessage];
        var answer = new byte[LargestMessage];
        var moved = 0L;
        var rounds = random.Next(20, 80);
        for (var i = 0; i < rounds; i++)
        {
            var size = random.Next(40) == 0 ? random.Next(64 * 1024, LargestMessage) : random.Next(1, 2000);
            random.NextBytes(message.AsSpan(0, size));
            var receiving = socket.ReceiveExactlyAsync(answer.AsMemory(0, size), cancellationToken);
            await Task.WhenAll(receiving, socket.SendAllAsync(message.AsMemory(0, size), cancellationToken));
            if (!answer.AsSpan(0, size).SequenceEqual(message.AsSpan(0, size)))
            {
                throw new WrongBytesException($"answer {i} of {size} bytes is not what was sent");
            }

            moved += 2 * size;
            await Task.Delay(random.Next(100), cancellationToken);
        }

        socket.Shutdown(SocketShutdown.Send);
        return await socket.ReceiveAsync(answer, cancellationToken) == 0
            ? moved
            : throw new WrongBytesException("bytes came after the last answer");
    }
}
