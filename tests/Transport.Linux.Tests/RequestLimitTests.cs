using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Transport.Linux.Tests;

/// <summary>Kestrel's limits, which count on the transport to hold bytes back and to cut connections.</summary>
[Collection(RunsAlone.Name)]
public class RequestLimitTests
{
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(1.5);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MaxRequestBodySize_LargerBody_IsRefusedWith413(bool chunked)
    {
        await using var server = await KestrelServer.StartAsync(
            static app => app.MapPost("/", static context => context.Request.Body.CopyToAsync(Stream.Null)),
            kestrel: static options => options.Limits.MaxRequestBodySize = 100_000);
        using var client = await ConnectAsync(server.EndPoint);
        var head = chunked ? "Transfer-Encoding: chunked\r\n\r\n30D40\r\n" : "Content-Length: 200000\r\n\r\n";
        await client.SendAsync(Encoding.ASCII.GetBytes($"POST / HTTP/1.1\r\nHost: a\r\n{head}"));
        if (chunked)
        {
            await client.SendAsync(new byte[150_000]);
        }

        Assert.StartsWith("HTTP/1.1 413 ", await ReceiveTextAsync(client), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RequestBody_ApplicationDoesNotRead_HoldsTheClientUpAndLosesNothing()
    {
        const int Size = 64 * 1024 * 1024;
        var mayRead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await KestrelServer.StartAsync(app => app.MapPost("/", async context =>
        {
            await mayRead.Task;
            await context.Response.WriteAsync($"{await PatternStream.VerifyAsync(context.Request.Body)}");
        }));
        using var client = await ConnectAsync(server.EndPoint);
        await client.SendAsync(Encoding.ASCII.GetBytes($"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {Size}\r\n\r\n"));
        var sent = 0L;
        var send = Task.Run(async () =>
        {
            for (var position = 0L; position < Size;)
            {
                position += await client.SendAsync(PatternStream.At(position, (int)Math.Min(Size - position, 100_000)));
                Volatile.Write(ref sent, position);
            }
        });

        var before = -1L;
        await Deadline.UntilAsync(
            async () =>
            {
                before = Volatile.Read(ref sent);
                await Task.Delay(300);
                return before > 0 && before == Volatile.Read(ref sent);
            },
            () => $"{sent} bytes sent and still going on");
        // A mebibyte in the pipe; the rest is what the kernel's two buffers may grow to.
        Assert.InRange(before, 1, Size / 2);
        mayRead.SetResult();
        await send.WaitAsync(Deadline.Default);
        Assert.EndsWith($"\r\n{Size}\r\n", (await ReceiveTextAsync(client)).Replace("0\r\n\r\n", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task MinRequestBodyDataRate_SlowSender_IsCutOff()
    {
        await using var server = await KestrelServer.StartAsync(
            static app => app.MapPost("/", static context => context.Request.Body.CopyToAsync(Stream.Null)),
            kestrel: static options => options.Limits.MinRequestBodyDataRate = new MinDataRate(1000, s_grace));
        using var client = await ConnectAsync(server.EndPoint);
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx"u8.ToArray());
        Assert.StartsWith("HTTP/1.1 408 ", await ReceiveTextAsync(client), StringComparison.Ordinal);
        Assert.Equal(0, await client.ReceiveAsync(new byte[1]).WaitAsync(Deadline.Default));
    }

    [Fact]
    public async Task MinResponseDataRate_SlowReader_IsReset()
    {
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await KestrelServer.StartAsync(
            app => app.MapGet("/", async context =>
            {
                using var registration = context.RequestAborted.Register(aborted.SetResult);
                while (!context.RequestAborted.IsCancellationRequested)
                {
                    await context.Response.Body.WriteAsync(new byte[100_000]);
                }
            }),
            kestrel: static options => options.Limits.MinResponseDataRate = new MinDataRate(100_000_000, s_grace));
        using var client = await ConnectAsync(server.EndPoint);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
        await aborted.Task.WaitAsync(Deadline.Default);
        var exception = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            var buffer = new byte[1 << 20];
            while (await client.ReceiveAsync(buffer).WaitAsync(Deadline.Default) > 0)
            {
            }
        });
        Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint endPoint)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(endPoint).WaitAsync(Deadline.Default);
        return socket;
    }

    /// <summary>A response that is short enough to come in one piece.</summary>
    private static async Task<string> ReceiveTextAsync(Socket socket)
    {
        var buffer = new byte[4096];
        return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer).WaitAsync(Deadline.Default));
    }
}
