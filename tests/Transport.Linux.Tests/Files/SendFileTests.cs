using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Transport.Linux.Files;

namespace Transport.Linux.Tests.Files;

/// <summary>Files over the transport with sendfile(2): what the client gets, and that the kernel has sent it.</summary>
[Collection(RunsAlone.Name)]
public class SendFileTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(FileSegment.MaxLength - 1)]
    [InlineData(FileSegment.MaxLength)]
    [InlineData(FileSegment.MaxLength + 1)]
    [InlineData(20_000_000)]
    public async Task Get_File_ComesFromTheKernelByteForByte(int length)
    {
        await using var site = await FileSite.StartAsync();
        var bytes = site.Write("a.txt", length);
        using (var client = site.CreateClient())
        {
            Assert.Equal(FileSite.Hash(bytes), FileSite.Hash(await client.GetByteArrayAsync("a.txt")));
            Assert.Equal(FileSite.Hash(bytes), FileSite.Hash(await client.GetByteArrayAsync("a.txt")));
        }

        await site.UntilClosedAsync();
        Assert.Equal(2.0 * length, site.SentByKernel);
        Assert.Empty(site.Log.Complaints);
    }

    [Fact]
    public async Task Get_ManyFilesOverManyConnections_EachComesByteForByte()
    {
        await using var site = await FileSite.StartAsync(files: static files => files.MaxOpenFiles = 3);
        var hashes = Enumerable.Range(0, 6).Select(number => FileSite.Hash(site.Write($"{number}.bin", 1 + (number * 300_001)))).ToArray();
        using var client = site.CreateClient();
        await Task.WhenAll(Enumerable.Range(0, 24).Select(async worker =>
        {
            for (var i = 0; i < 8; i++)
            {
                var number = (worker + i) % hashes.Length;
                Assert.Equal(hashes[number], FileSite.Hash(await client.GetByteArrayAsync($"{number}.bin")));
            }
        })).WaitAsync(Deadline.Default);
        Assert.InRange(site.Cache.Count, 1, 3);
        Assert.Empty(site.Log.Complaints);
    }

    [Fact]
    public async Task Get_PipelinedBehindAFile_AnswersComeInOrder()
    {
        await using var site = await FileSite.StartAsync();
        var large = site.Write("large.bin", 3_000_000);
        var small = site.Write("small.txt", 10);
        using var socket = await site.ConnectAsync();
        await using var stream = new NetworkStream(socket);
        string[] names = ["large.bin", "small.txt", "missing.txt", "large.bin", "small.txt"];
        await HttpExchange.SendAsync(socket, string.Join("\n\n", names.Select(static name => $"GET /{name} HTTP/1.1\nHost: a")));
        foreach (var name in names)
        {
            var (head, body) = await HttpExchange.ReceiveAsync(stream);
            Assert.StartsWith(name == "missing.txt" ? "HTTP/1.1 404 " : "HTTP/1.1 200 ", head, StringComparison.Ordinal);
            Assert.Equal(FileSite.Hash(name == "missing.txt" ? [] : name == "large.bin" ? large : small), FileSite.Hash(body));
        }
    }

    [Fact]
    public async Task Get_RangeFarIntoASparseFile_ComesFromThere()
    {
        const long Position = (5L << 30) + 12_345;
        await using var site = await FileSite.StartAsync();
        var bytes = new byte[700_000];
        new Random(5).NextBytes(bytes);
        await using (var file = File.Create(site.PathOf("sparse.bin")))
        {
            file.Position = Position;
            await file.WriteAsync(bytes);
        }

        using var client = site.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, "sparse.bin");
        request.Headers.Range = new(Position - 10, null);
        using var response = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.PartialContent, response.StatusCode);
        Assert.Equal(FileSite.Hash([.. new byte[10], .. bytes]), FileSite.Hash(await response.Content.ReadAsByteArrayAsync()));
    }

    [Fact]
    public async Task Get_ReaderStops_SendingStopsAndGoesOn()
    {
        await using var site = await FileSite.StartAsync();
        var bytes = site.Write("a.bin", 60_000_000);
        using var socket = await site.ConnectAsync(receiveBuffer: 20_000);
        await HttpExchange.GetAsync(socket, "/a.bin");
        var before = -1L;
        await Deadline.UntilAsync(
            async () =>
            {
                before = site.WrittenForKernel;
                await Task.Delay(300);
                return before > 0 && before == site.WrittenForKernel;
            },
            () => $"{before} bytes sent and still going on");
        // What fits into the kernel's two buffers.
        Assert.InRange(before, 1, bytes.Length / 2);
        await using var stream = new NetworkStream(socket);
        var (_, body) = await HttpExchange.ReceiveAsync(stream);
        Assert.Equal(FileSite.Hash(bytes), FileSite.Hash(body));
    }

    [Fact]
    public async Task Get_ReadersStop_TakesNoMemoryForTheFile()
    {
        const int Readers = 150;
        await using var site = await FileSite.StartAsync();
        site.Write("a.bin", 30_000_000);
        site.Write("small.txt", 10);
        var sockets = new List<Socket>();
        for (var i = 0; i < Readers; i++)
        {
            sockets.Add(await site.ConnectAsync(receiveBuffer: 20_000));
            await HttpExchange.GetAsync(sockets[i], "/small.txt");
            await HttpExchange.ReceiveAsync(new NetworkStream(sockets[i]));
        }

        var before = GC.GetTotalMemory(forceFullCollection: true);
        foreach (var socket in sockets)
        {
            await HttpExchange.GetAsync(socket, "/a.bin");
        }

        await Deadline.UntilAsync(() => Task.FromResult(site.WrittenForKernel > Readers * (long)FileSegment.MaxLength), () => "nothing was sent");
        // Copied, each would hold some 80 kB more: what the output pipe takes, and the buffer that the file is read into.
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, Readers * 30_000);
        sockets.ForEach(static socket => socket.Dispose());
    }

    [Fact]
    public async Task Get_ClientResetsInTheMiddle_ConnectionEndsQuietlyAndNothingStaysOpen()
    {
        await using var site = await FileSite.StartAsync(files: static files => files.MaxOpenFiles = 0);
        site.Write("a.bin", 50_000_000);
        for (var i = 0; i < 5; i++)
        {
            using var socket = await site.ConnectAsync(receiveBuffer: 20_000);
            await HttpExchange.GetAsync(socket, "/a.bin");
            Assert.True(await socket.ReceiveAsync(new byte[1000]).WaitAsync(Deadline.Default) > 0);
            socket.LingerState = new LingerOption(true, 0);
        }

        await site.UntilClosedAsync();
        await site.UntilNothingIsOpenAsync();
        Assert.Empty(site.Log.Complaints);
    }

    [Fact]
    public async Task Get_ClientFinishesInTheMiddle_NothingStaysOpen()
    {
        await using var site = await FileSite.StartAsync(files: static files => files.MaxOpenFiles = 0);
        site.Write("a.bin", 50_000_000);
        using (var socket = await site.ConnectAsync(receiveBuffer: 20_000))
        {
            await HttpExchange.GetAsync(socket, "/a.bin");
            Assert.True(await socket.ReceiveAsync(new byte[1000]).WaitAsync(Deadline.Default) > 0);
            socket.Shutdown(SocketShutdown.Both);
        }

        await site.UntilClosedAsync();
        await site.UntilNothingIsOpenAsync();
    }

    [Fact]
    public async Task MinResponseDataRate_ReaderStops_IsReset()
    {
        await using var site = await FileSite.StartAsync(
            kestrel: static options => options.Limits.MinResponseDataRate = new MinDataRate(100_000_000, TimeSpan.FromSeconds(1.5)));
        site.Write("a.bin", 60_000_000);
        using var socket = await site.ConnectAsync(receiveBuffer: 20_000);
        await HttpExchange.GetAsync(socket, "/a.bin");
        await Deadline.UntilAsync(() => Task.FromResult(site.ActiveConnections == 1), () => "the connection was not accepted");
        await site.UntilClosedAsync();
        await AssertResetAsync(socket);
        Assert.InRange(site.SentByKernel, 1, 59_999_999);
    }

    [Fact]
    public async Task Get_SlowReaderAboveTheMinResponseDataRate_GetsAll()
    {
        await using var site = await FileSite.StartAsync(
            kestrel: static options => options.Limits.MinResponseDataRate = new MinDataRate(100_000, TimeSpan.FromSeconds(1.1)));
        var bytes = site.Write("a.bin", 8_000_000);
        using var socket = await site.ConnectAsync(receiveBuffer: 20_000);
        await using var stream = new NetworkStream(socket);
        await HttpExchange.GetAsync(socket, "/a.bin");
        await HttpExchange.ReceiveHeadAsync(stream, default);
        var received = new byte[bytes.Length];
        for (var position = 0; position < received.Length;)
        {
            // Some 4 MB/s, in steps that are each shorter than the grace period.
            await stream.ReadExactlyAsync(received.AsMemory(position, 400_000)).AsTask().WaitAsync(Deadline.Default);
            position += 400_000;
            await Task.Delay(100);
        }

        Assert.Equal(FileSite.Hash(bytes), FileSite.Hash(received));
        Assert.Empty(site.Log.Complaints);
    }

    [Theory]
    [InlineData("HTTP/1.0", "")]
    [InlineData("HTTP/1.0", "\nConnection: keep-alive")]
    [InlineData("HTTP/1.1", "\nConnection: close")]
    public async Task Get_ConnectionThatIsClosed_FileComesWholeBeforeTheEnd(string protocol, string header)
    {
        await using var site = await FileSite.StartAsync();
        var bytes = site.Write("a.bin", 2_000_000);
        using var socket = await site.ConnectAsync();
        await using var stream = new NetworkStream(socket);
        await HttpExchange.SendAsync(socket, $"GET /a.bin {protocol}\nHost: a{header}");
        var (_, body) = await HttpExchange.ReceiveAsync(stream);
        Assert.Equal(FileSite.Hash(bytes), FileSite.Hash(body));
        if (!header.Contains("keep-alive", StringComparison.Ordinal))
        {
            Assert.Equal(0, await stream.ReadAsync(new byte[1]).AsTask().WaitAsync(Deadline.Default));
        }

        socket.Dispose();
        await site.UntilClosedAsync();
        Assert.Equal(2_000_000, site.SentByKernel);
    }

    [Fact]
    public async Task SendFile_BetweenOtherWrites_KeepsItsPlace()
    {
        await using var site = await FileSite.StartAsync(use: static app => app.Use(async (context, next) =>
        {
            if (context.Request.Path != "/mixed")
            {
                await next(context);
                return;
            }

            var path = context.Request.Query["path"].ToString();
            context.Response.ContentLength = 7 + 400_000 + 5 + 100 + 4;
            "before "u8.CopyTo(context.Response.BodyWriter.GetSpan(7));
            context.Response.BodyWriter.Advance(7);
            await context.Response.SendFileAsync(path);
            await context.Response.WriteAsync(" and ");
            await context.Response.SendFileAsync(path, 300_000, 100);
            await context.Response.WriteAsync(" end");
        }));
        var bytes = site.Write("a.bin", 400_000);
        byte[] expected = [.. "before "u8, .. bytes, .. " and "u8, .. bytes[300_000..300_100], .. " end"u8];
        var path = Uri.EscapeDataString(site.PathOf("a.bin"));
        using (var client = site.CreateClient())
        {
            for (var i = 0; i < 3; i++)
            {
                Assert.Equal(FileSite.Hash(expected), FileSite.Hash(await client.GetByteArrayAsync($"mixed?path={path}")));
            }
        }

        await site.UntilClosedAsync();

        Assert.Equal(3 * 400_100, site.SentByKernel);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task SendFile_ContentLengthDoesNotFit_ConnectionEnds(int difference)
    {
        await using var site = await FileSite.StartAsync(use: app => app.Run(async context =>
        {
            context.Response.ContentLength = 1000 + difference;
            await context.Response.SendFileAsync(context.Request.Query["path"].ToString());
        }));
        site.Write("a.bin", 1000);
        using var socket = await site.ConnectAsync();
        await using var stream = new NetworkStream(socket);
        await HttpExchange.GetAsync(socket, $"/?path={Uri.EscapeDataString(site.PathOf("a.bin"))}");
        var received = await ReceiveAllAsync(stream);
        Assert.DoesNotContain("\r\n\r\n", received[(received.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..], StringComparison.Ordinal);
        await site.UntilClosedAsync();
        Assert.Contains(site.Log.Complaints, static text => text.Contains("unhandled exception", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Get_ColdFileOnTheEventLoop_IsSentByAThreadOfThePool()
    {
        await using var site = await FileSite.StartAsync(transport: static options => options.UnsafePreferInlineScheduling = true);
        var bytes = site.Write("cold.bin", 3_000_000);
        using var socket = await site.ConnectAsync();
        await using var stream = new NetworkStream(socket);
        // From the second request on, the application runs on the event loop.
        for (var i = 0; i < 3; i++)
        {
            site.DropFromPageCache("cold.bin");
            await HttpExchange.GetAsync(socket, "/cold.bin");
            var (_, body) = await HttpExchange.ReceiveAsync(stream);
            Assert.Equal(FileSite.Hash(bytes), FileSite.Hash(body));
        }

        socket.Dispose();
        await site.UntilClosedAsync();
        Assert.InRange(site.WaitsForDisk, 1, 100);
    }

    private static async Task AssertResetAsync(Socket socket)
    {
        var exception = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            var buffer = new byte[1 << 20];
            while (await socket.ReceiveAsync(buffer).WaitAsync(Deadline.Default) > 0)
            {
            }
        });
        Assert.Equal(SocketError.ConnectionReset, exception.SocketErrorCode);
    }

    private static async Task<string> ReceiveAllAsync(Stream stream)
    {
        using var received = new MemoryStream();
        try
        {
            await stream.CopyToAsync(received).WaitAsync(Deadline.Default);
        }
        catch (IOException)
        {
            // Reset: what came before counts.
        }

        return Encoding.Latin1.GetString(received.ToArray());
    }
}
