using System.Net.Sockets;
using System.Security.Cryptography;

namespace RelayCases;

/// <summary>Every byte once, in order, and without stalls.</summary>
internal static class DataCases
{
    /// <summary>A delayed acknowledgment (40 ms) or a held segment (200 ms, SPLICE_F_MORE or TCP_CORK) in each exchange is far above it, a busy machine below.</summary>
    private const double StallMs = 35;

    public static IReadOnlyList<RelayCase> List { get; } =
    [
        new(11, "the server speaks first", Routes.Plain, ServerFirstAsync) { AlsoAfterPreread = false },
        new(12, "200 exchanges of one byte", Routes.Plain, DribbleAsync),
        new(13, "one byte at a time after a burst of 8 MiB", Routes.Plain, BurstThenDribbleAsync),
        new(16, "random pieces from the first byte on", Routes.Plain, RandomPiecesAsync),
        new(17, "64 MiB each way at the same time", Routes.Plain, FullDuplexAsync),
        new(57, "an urgent byte (MSG_OOB) among others", Routes.Plain, UrgentByteAsync),
    ];

    private static async Task<string> ServerFirstAsync(RelayRoute route)
    {
        using var client = await route.ConnectAsync();
        using var server = await route.AcceptAsync();
        await server.SendAllAsync("220 ready\r\n"u8.ToArray());
        await CaseExpect.ReceivesAsync(client, "220 ready\r\n"u8.ToArray(), "the banner");
        return "at once";
    }

    private static async Task<string> DribbleAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            return Describe(await SocketSteps.PingPongAsync(client, server, 200));
        }
    }

    private static async Task<string> BurstThenDribbleAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            var burst = RandomNumberGenerator.GetBytes(8 * 1024 * 1024);
            var sending = client.SendAllAsync(burst);
            await CaseExpect.ReceivesAsync(server, burst, "the burst");
            await sending;
            return Describe(await SocketSteps.PingPongAsync(client, server, 100));
        }
    }

    private static async Task<string> RandomPiecesAsync(RelayRoute route)
    {
        var random = new Random(16);
        for (var round = 0; round < 20; round++)
        {
            byte[] first = route.Prereads ? CapturedHello.Of(RelayRoute.ServerName) : [];
            byte[] all = [.. first, .. RandomNumberGenerator.GetBytes(random.Next(1, 200_000))];
            using var client = await route.ConnectAsync(sendsHello: false);
            var sending = SendInPiecesAsync(client, all, random.Next());
            using var server = await route.AcceptAsync();
            await CaseExpect.ReceivesToEndAsync(server, all.AsMemory(first.Length), $"round {round}");
            await sending;
        }

        return "20 of 20 intact";
    }

    private static async Task SendInPiecesAsync(Socket client, byte[] all, int seed)
    {
        var random = new Random(seed);
        for (var sent = 0; sent < all.Length;)
        {
            var piece = Math.Min(all.Length - sent, random.Next(1, random.Next(2) == 0 ? 100 : 64 * 1024));
            await client.SendAllAsync(all.AsMemory(sent, piece));
            sent += piece;
            if (random.Next(4) == 0)
            {
                await Task.Delay(1);
            }
        }

        client.Shutdown(SocketShutdown.Send);
    }

    private static async Task<string> FullDuplexAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            var hashes = await Task.WhenAll(SendHashedAsync(client, 1), SendHashedAsync(server, 2), ReceiveHashedAsync(server), ReceiveHashedAsync(client));
            CaseExpect.True(hashes[0] == hashes[2], "what the client sent did not arrive unchanged");
            CaseExpect.True(hashes[1] == hashes[3], "what the server sent did not arrive unchanged");
            return "equal hashes";
        }
    }

    private static async Task<string> SendHashedAsync(Socket socket, int seed)
    {
        const int Chunks = 256;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var random = new Random(seed);
        var chunk = new byte[256 * 1024];
        for (var i = 0; i < Chunks; i++)
        {
            random.NextBytes(chunk);
            hash.AppendData(chunk);
            await socket.SendAllAsync(chunk);
        }

        socket.Shutdown(SocketShutdown.Send);
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static async Task<string> ReceiveHashedAsync(Socket socket)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[256 * 1024];
        int bytes;
        while ((bytes = await socket.ReceiveAsync(buffer.AsMemory()).AsTask().WaitAsync(SocketSteps.Patience)) > 0)
        {
            hash.AppendData(buffer.AsSpan(0, bytes));
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static async Task<string> UrgentByteAsync(RelayRoute route)
    {
        var (client, server) = await route.OpenAsync();
        using (client)
        using (server)
        {
            await client.SendAllAsync("before"u8.ToArray());
            _ = client.Send("!"u8, SocketFlags.OutOfBand);
            await client.SendAllAsync("after"u8.ToArray());
            client.Shutdown(SocketShutdown.Send);
            var received = System.Text.Encoding.ASCII.GetString(await server.ReceiveToEndAsync());
            CaseExpect.True(received is "beforeafter" or "before!after", $"'{received}' arrived");
            return received.Contains('!', StringComparison.Ordinal) ? "passed on as ordinary data" : "left out, the rest intact";
        }
    }

    private static string Describe((double Median, double Worst) times)
    {
        CaseExpect.True(times.Median < StallMs, $"the median exchange took {times.Median:0.0} ms");
        return $"{times.Median * 1000:0} µs, worst {times.Worst:0.0} ms";
    }
}
