using System.Net.Sockets;
using System.Security.Cryptography;

namespace RelayCases;

/// <summary>FIN and RST.</summary>
internal static class EndCases
{
    private const int Answer = 4 * 1024 * 1024;

    public static IReadOnlyList<RelayCase> List { get; } =
    [
        new(1, "client finishes, the answer of 4 MiB comes half a second later", Routes.Plain, ClientFinishesFirstAsync),
        new(2, "server finishes first, client uploads 4 MiB", Routes.Plain, ServerFinishesFirstAsync),
        new(3, "client sends 50 kB and closes at once", Routes.Plain, SendAndCloseAsync),
        new(4, "both finish at the same time", Routes.Plain, BothFinishAsync),
        new(6, "FIN comes after bytes that wait in the relay", Routes.Plain, FinBehindBytesAsync),
        new(7, "RST of the client reaches the server", Routes.Plain, ClientResetAsync),
        new(8, "RST of the server reaches the client", Routes.Plain, ServerResetAsync),
        new(9, "what came before RST is delivered", Routes.Plain, ResetAfterBytesAsync),
        new(32, "a connection without a byte", Routes.Plain, NoByteAsync) { AlsoAfterPreread = false },
    ];

    private static async Task<string> ClientFinishesFirstAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            await client.SendAllAsync("question"u8.ToArray());
            client.Shutdown(SocketShutdown.Send);
            await CaseExpect.ReceivesToEndAsync(server, "question"u8.ToArray(), "the question");
            await Task.Delay(500);
            var answer = RandomNumberGenerator.GetBytes(Answer);
            var sending = SendAndFinishAsync(server, answer);
            await CaseExpect.ReceivesToEndAsync(client, answer, "the answer");
            await sending;
            return "all bytes, then FIN";
        }
    }

    private static async Task<string> ServerFinishesFirstAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            server.Shutdown(SocketShutdown.Send);
            await CaseExpect.FinAsync(client, "the client");
            var upload = RandomNumberGenerator.GetBytes(Answer);
            var sending = SendAndFinishAsync(client, upload);
            await CaseExpect.ReceivesToEndAsync(server, upload, "the upload");
            await sending;
            return "all bytes, then FIN";
        }
    }

    private static async Task<string> SendAndCloseAsync(RelayRoute route)
    {
        var upload = RandomNumberGenerator.GetBytes(50_000);
        using (var client = await route.ConnectAsync())
        {
            await client.SendAllAsync(upload);
        }

        await Task.Delay(200);
        using var server = await route.AcceptAsync();
        await CaseExpect.ReceivesToEndAsync(server, upload, "the upload");
        return "all bytes, then FIN";
    }

    private static async Task<string> BothFinishAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            await Task.WhenAll(SendAndFinishAsync(client, "bye"u8.ToArray()), SendAndFinishAsync(server, "bye"u8.ToArray()));
            await CaseExpect.ReceivesToEndAsync(client, "bye"u8.ToArray(), "what the client gets");
            await CaseExpect.ReceivesToEndAsync(server, "bye"u8.ToArray(), "what the server gets");
            return "FIN both ways";
        }
    }

    private static async Task<string> FinBehindBytesAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            var sent = await client.SendUntilStalledAsync();
            client.Shutdown(SocketShutdown.Send);
            await CaseExpect.ReceivesToEndAsync(server, sent, "what waited");
            return $"{sent.Length / 1e6:0.0} MB, then FIN";
        }
    }

    private static async Task<string> ClientResetAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (server)
        {
            client.Reset();
            await CaseExpect.ResetAsync(server, "the server");
            return "RST";
        }
    }

    private static async Task<string> ServerResetAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        {
            server.Reset();
            await CaseExpect.ResetAsync(client, "the client");
            return "RST";
        }
    }

    private static async Task<string> ResetAfterBytesAsync(RelayRoute route)
    {
        const int Bytes = 200_000;
        var (client, server) = await route.OpenAsync();
        using (client)
        {
            await server.SendAllAsync(new byte[Bytes]);
            // RST throws the sender's own queue away: what the relay has taken is what must arrive.
            await Task.Delay(200);
            server.Reset();
            await Task.Delay(200);
            var (received, isReset) = await client.ReceiveEndAsync();
            CaseExpect.True(received == Bytes, $"{received} of {Bytes} bytes arrived before {(isReset ? "RST" : "FIN")}");
            CaseExpect.True(isReset, "all bytes, but FIN instead of RST");
            return "all bytes, then RST";
        }
    }

    private static async Task<string> NoByteAsync(RelayRoute route)
    {
        (await route.ConnectAsync()).Dispose();
        using var server = await route.AcceptAsync();
        await CaseExpect.FinAsync(server, "the server");
        return "connect and FIN";
    }

    private static async Task SendAndFinishAsync(Socket socket, byte[] data)
    {
        await socket.SendAllAsync(data);
        socket.Shutdown(SocketShutdown.Send);
    }
}
