using System.Globalization;
using Microsoft.AspNetCore.Builder;

namespace Transport.Linux.Tests;

/// <summary>Bodies that no 32-bit number of bytes describes.</summary>
[Collection(RunsAlone.Name)]
public class LargeTransferTests
{
    private const long Length = (1L << 31) + 123_457;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Upload_MoreThan2GiB_IsIntact(bool chunked)
    {
        await using var server = await StartAsync();
        using var client = new HttpClient { Timeout = Deadline.OnThisMachine(TimeSpan.FromMinutes(2)) };
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{server.Address}/upload")
        {
            Content = new StreamContent(new PatternStream(Length), 256 * 1024),
        };
        request.Headers.TransferEncodingChunked = chunked;
        request.Content.Headers.ContentLength = chunked ? null : Length;
        using var response = await client.SendAsync(request);
        Assert.Equal($"{(chunked ? null : Length)}:{Length}", await response.Content.ReadAsStringAsync());
        Assert.Empty(server.Log.Complaints);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Download_MoreThan2GiB_IsIntact(bool chunked)
    {
        await using var server = await StartAsync();
        using var client = new HttpClient { Timeout = Deadline.OnThisMachine(TimeSpan.FromMinutes(2)) };
        using var response = await client.GetAsync($"{server.Address}/download?{chunked}", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(chunked ? null : Length, response.Content.Headers.ContentLength);
        Assert.Equal(Length, await PatternStream.VerifyAsync(await response.Content.ReadAsStreamAsync()));
        Assert.Empty(server.Log.Complaints);
    }

    private static Task<KestrelServer> StartAsync() => KestrelServer.StartAsync(static app =>
    {
        app.MapPost("/upload", static async context =>
        {
            var count = await PatternStream.VerifyAsync(context.Request.Body);
            var answer = string.Create(CultureInfo.InvariantCulture, $"{context.Request.ContentLength}:{count}");
            await context.Response.Body.WriteAsync(System.Text.Encoding.ASCII.GetBytes(answer));
        });
        app.MapGet("/download", static async context =>
        {
            context.Response.ContentLength = context.Request.QueryString.Value == "?True" ? null : Length;
            for (var position = 0L; position < Length;)
            {
                var piece = PatternStream.At(position, (int)Math.Min(Length - position, 256 * 1024));
                await context.Response.Body.WriteAsync(piece);
                position += piece.Length;
            }
        });
    });
}
