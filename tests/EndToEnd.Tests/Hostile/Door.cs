using System.Net;
using System.Net.Sockets;
using System.Text;
using RelayCases;
using Testing;

namespace EndToEnd.Tests.Hostile;

/// <summary>One port of a gateway, and what an honest client says there and hears.</summary>
/// <param name="Name">What kind of port it is.</param>
/// <param name="Port">The loopback port.</param>
/// <param name="Opening">What an honest client sends.</param>
/// <param name="Answer">How what it hears begins.</param>
internal sealed record Door(string Name, int Port, byte[] Opening, byte[] Answer)
{
    public const string ServerName = "a.example";

    public static Door Tcp(string mode, int port) => new(mode, port, "ping"u8.ToArray(), "ping"u8.ToArray());

    /// <summary>A port where a ClientHello tells the route: its destination sends it back.</summary>
    public static Door Tls(string name, int port) => new(name, port, CapturedHello.Of(ServerName), CapturedHello.Of(ServerName));

    public static Door Proxied(int port) => new("PROXY", port, "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\nping"u8.ToArray(), "ping"u8.ToArray());

    public static Door Http(string name, int port, string path = "/plain") => new(
        name, port, Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), "HTTP/1.1 200 OK\r\n"u8.ToArray());

    public IPEndPoint EndPoint => new(IPAddress.Loopback, Port);

    public Socket Connect(IPAddress? source = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (source is not null)
            {
                socket.Bind(new IPEndPoint(source, 0));
            }

            socket.Connect(EndPoint);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>An honest client is served. On a port with a short deadline it tries again, as this process may stand still for longer than that.</summary>
    public Task AssertServedAsync() => Deadline.UntilAsync(TryServeAsync, () => $"{Name}: an honest client was not served");

    private async Task<bool> TryServeAsync()
    {
        using var patience = new CancellationTokenSource(Deadline.Default);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await client.ConnectAsync(EndPoint, patience.Token);
            await client.SendAsync(Opening, patience.Token);
            var answer = new byte[Answer.Length];
            for (var received = 0; received < answer.Length;)
            {
                var count = await client.ReceiveAsync(answer.AsMemory(received), patience.Token);
                if (count == 0)
                {
                    return false;
                }

                received += count;
            }

            return answer.AsSpan().SequenceEqual(Answer);
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
