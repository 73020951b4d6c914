using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Transport.Linux.Tests.Files;

/// <summary>The same requests for the same files on Kestrel's socket transport and on ours, with equal answers.</summary>
[Collection(RunsAlone.Name)]
public partial class SendFileParityTests
{
    private const int Length = 300_000;
    private static readonly DateTime s_modified = new(2026, 3, 4, 5, 6, 7, DateTimeKind.Utc);

    [Theory]
    [InlineData("GET /a.txt HTTP/1.1", "")]
    [InlineData("GET /a.txt HTTP/1.0", "")]
    [InlineData("HEAD /a.txt HTTP/1.1", "")]
    [InlineData("POST /a.txt HTTP/1.1", "Content-Length: 0")]
    [InlineData("GET /a.txt HTTP/1.1", "Range: bytes=0-0")]
    [InlineData("GET /a.txt HTTP/1.1", "Range: bytes=1000-299998")]
    [InlineData("GET /a.txt HTTP/1.1", "Range: bytes=-1")]
    [InlineData("GET /a.txt HTTP/1.1", "Range: bytes=262143-")]
    [InlineData("GET /a.txt HTTP/1.1", "Range: bytes=299999-9999999")]
    [InlineData("GET /a.txt HTTP/1.1", "Range: bytes=300000-")]
    [InlineData("GET /a.txt HTTP/1.1", "Range: bytes=0-1,5-6")]
    [InlineData("GET /a.txt HTTP/1.1", "Range: lines=1-2")]
    [InlineData("HEAD /a.txt HTTP/1.1", "Range: bytes=0-9")]
    [InlineData("GET /a.txt HTTP/1.1", "If-None-Match: *")]
    [InlineData("GET /a.txt HTTP/1.1", "If-None-Match: \"other\"")]
    [InlineData("GET /a.txt HTTP/1.1", "If-Match: \"other\"")]
    [InlineData("GET /a.txt HTTP/1.1", "If-Modified-Since: Wed, 04 Mar 2026 05:06:07 GMT")]
    [InlineData("GET /a.txt HTTP/1.1", "If-Modified-Since: Wed, 04 Mar 2026 05:06:06 GMT")]
    [InlineData("GET /a.txt HTTP/1.1", "If-Unmodified-Since: Wed, 04 Mar 2026 05:06:06 GMT")]
    [InlineData("GET /a.txt HTTP/1.1", "Range: bytes=0-9\nIf-Range: Wed, 04 Mar 2026 05:06:07 GMT")]
    [InlineData("GET /a.txt HTTP/1.1", "Range: bytes=0-9\nIf-Range: Wed, 04 Mar 2026 05:06:06 GMT")]
    [InlineData("GET /a.txt HTTP/1.1", "Connection: close")]
    [InlineData("GET /empty.txt HTTP/1.1", "")]
    [InlineData("GET /empty.txt HTTP/1.1", "Range: bytes=0-0")]
    [InlineData("GET /unknown.type HTTP/1.1", "")]
    [InlineData("GET /folder HTTP/1.1", "")]
    [InlineData("GET /folder/ HTTP/1.1", "")]
    [InlineData("GET /missing.txt HTTP/1.1", "")]
    [InlineData("GET /.hidden.txt HTTP/1.1", "")]
    [InlineData("GET /loop.txt HTTP/1.1", "")]
    [InlineData("GET /broken.txt HTTP/1.1", "")]
    [InlineData("GET /../secret.txt HTTP/1.1", "")]
    [InlineData("GET /folder/../../secret.txt HTTP/1.1", "")]
    [InlineData("GET /%2e%2e/secret.txt HTTP/1.1", "")]
    [InlineData("GET /..%2fsecret.txt HTTP/1.1", "")]
    [InlineData("GET /%2e%2e%2fsecret.txt HTTP/1.1", "")]
    [InlineData("GET /..%5csecret.txt HTTP/1.1", "")]
    [InlineData("GET /..%252fsecret.txt HTTP/1.1", "")]
    [InlineData("GET /folder/..%2f..%2fsecret.txt HTTP/1.1", "")]
    [InlineData("GET //etc/passwd HTTP/1.1", "")]
    [InlineData("GET /a.txt%00 HTTP/1.1", "")]
    [InlineData("GET /%61.txt HTTP/1.1", "")]
    [InlineData("GET /send?vanished HTTP/1.1", "")]
    [InlineData("GET /send?past-the-end HTTP/1.1", "")]
    [InlineData("GET /send?negative HTTP/1.1", "")]
    [InlineData("GET /send?folder HTTP/1.1", "")]
    [InlineData("GET /send?chunked HTTP/1.1", "")]
    [InlineData("GET /send?no-content HTTP/1.1", "")]
    [InlineData("GET /send?not-found HTTP/1.1", "")]
    [InlineData("HEAD /send?not-found HTTP/1.1", "")]
    public async Task Request_OnBothTransports_GetsTheSameAnswer(string line, string header)
    {
        var theirs = await RunAsync(useSockets: true, line, header);
        Assert.Equal(theirs, await RunAsync(useSockets: false, line, header));
        Assert.DoesNotContain("secret of the parent", theirs, StringComparison.Ordinal);
    }

    /// <summary>The answer, and that of a second request on the same connection, without what differs from run to run.</summary>
    private static async Task<string> RunAsync(bool useSockets, string line, string header)
    {
        await using var site = await FileSite.StartAsync(useSockets, use: static app => app.Use(SendFileAsync));
        File.WriteAllText(site.PathOf("a.txt"), string.Concat(Enumerable.Range(0, Length / 10).Select(static number => $"{number,9}\n")));
        File.WriteAllText(site.PathOf("empty.txt"), "");
        File.WriteAllText(site.PathOf("unknown.type"), "unknown");
        File.WriteAllText(site.PathOf(".hidden.txt"), "hidden");
        Directory.CreateDirectory(site.PathOf("folder"));
        File.CreateSymbolicLink(site.PathOf("loop.txt"), "loop.txt");
        File.CreateSymbolicLink(site.PathOf("broken.txt"), "missing");
        File.WriteAllText(Path.Combine(site.Root, "..", "secret.txt"), "secret of the parent");
        foreach (var name in new[] { "a.txt", "empty.txt", "unknown.type" })
        {
            File.SetLastWriteTimeUtc(site.PathOf(name), s_modified);
        }

        using var socket = await site.ConnectAsync();
        await HttpExchange.SendAsync(socket, $"{line}\nHost: a{(header.Length > 0 ? "\n" + header : "")}");
        var isLast = header == "Connection: close" || line.EndsWith("HTTP/1.0", StringComparison.Ordinal);
        if (!isLast)
        {
            // Nobody would read it after the last one, and a socket that is closed with unread bytes takes back what it has not sent (RFC 2525, 2.17).
            await HttpExchange.SendAsync(socket, "GET /a.txt HTTP/1.1\nHost: a\nRange: bytes=0-19\nConnection: close");
        }

        using var received = new MemoryStream();
        await using var stream = new NetworkStream(socket);
        try
        {
            await stream.CopyToAsync(received).WaitAsync(Deadline.Default);
        }
        catch (IOException)
        {
            // Both transports close a connection whose request is wrong, with the second request unread: the answer has arrived, and then FIN or RST.
        }

        return Date().Replace(Encoding.Latin1.GetString(received.ToArray()), "Date: -");
    }

    /// <summary>What an application may do with <c>SendFileAsync</c> besides static files.</summary>
    private static async Task SendFileAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Request.Path != "/send")
        {
            await next(context);
            return;
        }

        var root = Path.Combine(context.RequestServices.GetRequiredService<IHostEnvironment>().ContentRootPath, "a.txt");
        context.Response.ContentLength = 10;
        try
        {
            switch (context.Request.QueryString.Value)
            {
                case "?vanished":
                    await context.Response.SendFileAsync(root + ".gone");
                    break;
                case "?past-the-end":
                    await context.Response.SendFileAsync(root, Length - 1, 10);
                    break;
                case "?negative":
                    await context.Response.SendFileAsync(root, -1, 10);
                    break;
                case "?folder":
                    await context.Response.SendFileAsync(Path.GetDirectoryName(root)!);
                    break;
                case "?chunked":
                    context.Response.ContentLength = null;
                    await context.Response.SendFileAsync(root);
                    break;
                case "?no-content":
                    context.Response.ContentLength = null;
                    context.Response.StatusCode = 204;
                    await context.Response.SendFileAsync(root, 0, 10);
                    break;
                case "?not-found":
                    context.Response.StatusCode = 404;
                    await context.Response.SendFileAsync(root, 20, 10);
                    break;
            }
        }
        catch (Exception exception)
        {
            context.Response.Clear();
            await context.Response.WriteAsync(exception.GetType().Name);
        }
    }

    [GeneratedRegex("Date: [^\r]*")]
    private static partial Regex Date();
}
