using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Transport.Linux.Tests.Files;

/// <summary>Files that change, move or vanish while they are sent, or between two responses.</summary>
[Collection(RunsAlone.Name)]
public class ChangingFileTests
{
    private const int Length = 60_000_000;

    [Fact]
    public async Task FileIsTruncated_WhileItIsSent_ConnectionIsResetAndTheServerGoesOn()
    {
        await using var site = await FileSite.StartAsync(files: static files => files.MaxOpenFiles = 0);
        site.Write("a.bin", Length);
        site.Write("b.txt", 10);
        using var socket = await BeginAsync(site, "a.bin");
        await using (var file = File.OpenWrite(site.PathOf("a.bin")))
        {
            file.SetLength(1000);
        }

        await using var stream = new NetworkStream(socket);
        var received = 0L;
        var exception = await Assert.ThrowsAsync<IOException>(async () =>
        {
            var buffer = new byte[100_000];
            int count;
            while ((count = await stream.ReadAsync(buffer).AsTask().WaitAsync(Deadline.Default)) > 0)
            {
                received += count;
            }
        });
        Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(exception.InnerException).SocketErrorCode);
        Assert.InRange(received, 0, Length - 1);
        await site.UntilClosedAsync();
        await site.UntilNothingIsOpenAsync();
        Assert.Contains(site.Log.Entries, static entry => entry.Id == 113);
        using var client = site.CreateClient();
        Assert.Equal(10, (await client.GetByteArrayAsync("b.txt")).Length);
        Assert.Equal(1000, (await client.GetByteArrayAsync("a.bin")).Length);
    }

    [Fact]
    public async Task FileIsReplaced_WhileItIsSent_TheOldOneComesWholeAndTheNewOneNext()
    {
        await using var site = await FileSite.StartAsync();
        var old = site.Write("a.bin", Length);
        using var socket = await BeginAsync(site, "a.bin");
        var replacement = site.Write("new.bin", 500_000);
        File.Move(site.PathOf("new.bin"), site.PathOf("a.bin"), overwrite: true);
        using var client = site.CreateClient();
        Assert.Equal(FileSite.Hash(replacement), FileSite.Hash(await client.GetByteArrayAsync("a.bin")));
        await using var stream = new NetworkStream(socket);
        var (_, body) = await HttpExchange.ReceiveAsync(stream);
        Assert.Equal(FileSite.Hash(old), FileSite.Hash(body));
        await HttpExchange.GetAsync(socket, "/a.bin");
        (_, body) = await HttpExchange.ReceiveAsync(stream);
        Assert.Equal(FileSite.Hash(replacement), FileSite.Hash(body));
    }

    [Fact]
    public async Task FileGrows_WhileItIsSent_WhatWasAnnouncedComes()
    {
        await using var site = await FileSite.StartAsync();
        var bytes = site.Write("a.bin", Length);
        using var socket = await BeginAsync(site, "a.bin");
        await File.AppendAllBytesAsync(site.PathOf("a.bin"), new byte[1000]);
        await using var stream = new NetworkStream(socket);
        var (_, body) = await HttpExchange.ReceiveAsync(stream);
        Assert.Equal(FileSite.Hash(bytes), FileSite.Hash(body));
        await HttpExchange.SendAsync(socket, "HEAD /a.bin HTTP/1.1\nHost: a");
        var (head, _) = await HttpExchange.ReceiveAsync(stream, hasBody: false);
        Assert.Equal(Length + 1000, HttpExchange.ContentLength(head));
    }

    [Fact]
    public async Task FileIsDeleted_WhileItIsSent_ComesWholeAndIsGoneNext()
    {
        await using var site = await FileSite.StartAsync();
        var bytes = site.Write("a.bin", Length);
        using var socket = await BeginAsync(site, "a.bin");
        File.Delete(site.PathOf("a.bin"));
        await using var stream = new NetworkStream(socket);
        var (_, body) = await HttpExchange.ReceiveAsync(stream);
        Assert.Equal(FileSite.Hash(bytes), FileSite.Hash(body));
        await HttpExchange.GetAsync(socket, "/a.bin");
        var (head, _) = await HttpExchange.ReceiveAsync(stream);
        Assert.StartsWith("HTTP/1.1 404 ", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_WrittenInPlaceWithEqualLengthAndTime_NewBytesCome()
    {
        await using var site = await FileSite.StartAsync(files: static files => files.OpenFileValidity = TimeSpan.FromHours(1));
        var path = site.PathOf("a.txt");
        await File.WriteAllTextAsync(path, "old");
        var modified = File.GetLastWriteTimeUtc(path);
        using var client = site.CreateClient();
        Assert.Equal("old", await client.GetStringAsync("a.txt"));
        await File.WriteAllTextAsync(path, "new");
        File.SetLastWriteTimeUtc(path, modified);
        Assert.Equal("new", await client.GetStringAsync("a.txt"));
    }

    /// <summary>The validity is an hour: what is noticed is noticed by the response's own headers.</summary>
    [Theory]
    [InlineData("longer", 0)]
    [InlineData("old", 5)]
    public async Task File_ReplacedByAnotherLengthOrTime_IsNoticedAtOnce(string text, int seconds)
    {
        await using var site = await FileSite.StartAsync(files: static files => files.OpenFileValidity = TimeSpan.FromHours(1));
        var path = site.PathOf("a.txt");
        await File.WriteAllTextAsync(path, "old");
        var modified = File.GetLastWriteTimeUtc(path);
        using var client = site.CreateClient();
        Assert.Equal("old", await client.GetStringAsync("a.txt"));
        text = text == "old" ? "new" : text;
        await File.WriteAllTextAsync(path + ".new", text);
        File.SetLastWriteTimeUtc(path + ".new", modified.AddSeconds(seconds));
        File.Move(path + ".new", path, overwrite: true);
        Assert.Equal(text, await client.GetStringAsync("a.txt"));
    }

    [Fact]
    public async Task SymbolicLink_IsFollowedAndItsChangeNoticed()
    {
        await using var site = await FileSite.StartAsync(
            files: static files => files.OpenFileValidity = TimeSpan.Zero,
            use: static app => app.Run(context =>
            {
                context.Response.ContentLength = 10;
                return context.Response.SendFileAsync(context.Request.Query["path"].ToString());
            }));
        var (first, second) = (site.Write("1.txt", 10), site.Write("2.txt", 10));
        using var client = site.CreateClient();
        var link = $"?path={Uri.EscapeDataString(site.PathOf("link.txt"))}";
        File.CreateSymbolicLink(site.PathOf("link.txt"), "1.txt");
        Assert.Equal(first, await client.GetByteArrayAsync(link));
        File.Delete(site.PathOf("link.txt"));
        File.CreateSymbolicLink(site.PathOf("link.txt"), "2.txt");
        Assert.Equal(second, await client.GetByteArrayAsync(link));
    }

    /// <summary>A response that has begun and cannot go on until its client reads.</summary>
    private static async Task<Socket> BeginAsync(FileSite site, string name)
    {
        var socket = await site.ConnectAsync(receiveBuffer: 20_000);
        await HttpExchange.GetAsync(socket, $"/{name}");
        await Deadline.UntilAsync(() => Task.FromResult(site.WrittenForKernel > 0), () => "nothing was sent");
        return socket;
    }
}
