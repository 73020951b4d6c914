using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Transport.Linux.Tests;

/// <summary>The traffic of SignalR: many connections that live long and say little, by WebSocket and by long polling.</summary>
[Collection(RunsAlone.Name)]
public class LongLivedConnectionTests
{
    private const int ClientsOfEachKind = 100;

    private static readonly TimeSpan s_duration = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task WebSocketsAndLongPolls_SideBySideForSeconds_AllAreServed()
    {
        await using var server = await KestrelServer.StartAsync(static app =>
        {
            app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromMilliseconds(200), KeepAliveTimeout = TimeSpan.FromSeconds(30) });
            app.MapGet("/ws", EchoAsync);
            app.MapGet("/poll", static async context =>
            {
                await Task.Delay(Random.Shared.Next(50, 400), context.RequestAborted);
                await context.Response.WriteAsync(context.Request.QueryString.Value!);
            });
        });
        using var http = new HttpClient { Timeout = Deadline.Default };
        var stop = new TaskCompletionSource();
        var sockets = Enumerable.Range(0, ClientsOfEachKind)
            .Select(_ => ExchangeMessagesAsync(new Uri(server.Address.Replace("http", "ws", StringComparison.Ordinal) + "/ws"), stop.Task)).ToArray();
        var polls = Enumerable.Range(0, ClientsOfEachKind).Select(client => PollAsync(http, $"{server.Address}/poll?{client}", stop.Task)).ToArray();
        await Task.Delay(s_duration);
        Assert.All(sockets.Concat(polls), static running => Assert.False(running.IsCompleted));
        stop.SetResult();
        var exchanged = await Task.WhenAll(sockets.Concat(polls)).WaitAsync(Deadline.Default);
        Assert.All(exchanged, static count => Assert.InRange(count, 2, int.MaxValue));
        Assert.Empty(server.Log.Complaints);
    }

    private static async Task EchoAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[4096];
        while (await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None) is { MessageType: not WebSocketMessageType.Close } result)
        {
            await socket.SendAsync(buffer.AsMemory(0, result.Count), result.MessageType, result.EndOfMessage, CancellationToken.None);
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
    }

    private static async Task<int> ExchangeMessagesAsync(Uri address, Task stop)
    {
        using var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = TimeSpan.FromMilliseconds(200);
        await socket.ConnectAsync(address, CancellationToken.None).WaitAsync(Deadline.Default);
        var (sent, received) = (new byte[1000], new byte[4096]);
        var count = 0;
        while (!stop.IsCompleted)
        {
            Random.Shared.NextBytes(sent);
            await socket.SendAsync(sent, WebSocketMessageType.Binary, true, CancellationToken.None);
            var result = await socket.ReceiveAsync(received.AsMemory(), CancellationToken.None).AsTask().WaitAsync(Deadline.Default);
            Assert.True(received.AsSpan(0, result.Count).SequenceEqual(sent));
            count++;
            // Mostly idle, with pings in between.
            await Task.Delay(Random.Shared.Next(200, 700), CancellationToken.None);
        }

        try
        {
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).WaitAsync(Deadline.Default);
        }
        catch (WebSocketException)
        {
            // Behind the server's close frame: a pong of ours met a socket that was closed already, which answers with RST.
        }

        Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
        return count;
    }

    private static async Task<int> PollAsync(HttpClient client, string address, Task stop)
    {
        var count = 0;
        while (!stop.IsCompleted)
        {
            Assert.Equal(new Uri(address).Query, await client.GetStringAsync(new Uri(address), CancellationToken.None));
            count++;
        }

        return count;
    }
}
