using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Transport.Linux.Tests.Files;

/// <summary>Requests as they are typed, and responses as they come, over a socket.</summary>
internal static class HttpExchange
{
    public static Task SendAsync(Socket socket, string head) =>
        socket.SendAsync(Encoding.ASCII.GetBytes(head.ReplaceLineEndings("\r\n") + "\r\n\r\n")).WaitAsync(Deadline.Default);

    public static Task GetAsync(Socket socket, string path) => SendAsync(socket, $"GET {path} HTTP/1.1\nHost: a");

    /// <summary>One response: its status line and headers, and the body that Content-Length announces.</summary>
    public static async Task<(string Head, byte[] Body)> ReceiveAsync(Stream stream, bool hasBody = true)
    {
        using var timeout = new CancellationTokenSource(Deadline.Default);
        var head = await ReceiveHeadAsync(stream, timeout.Token);
        var body = new byte[hasBody ? ContentLength(head) : 0];
        await stream.ReadExactlyAsync(body, timeout.Token);
        return (head, body);
    }

    public static async Task<string> ReceiveHeadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(one, cancellationToken);
            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    public static long ContentLength(string head)
    {
        var line = head.Split("\r\n").FirstOrDefault(static line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        return line is null ? 0 : long.Parse(line["Content-Length:".Length..], CultureInfo.InvariantCulture);
    }
}
